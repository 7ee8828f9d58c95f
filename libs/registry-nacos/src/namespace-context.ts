import type { ChannelCredentials } from '@grpc/grpc-js';
import { IsthmusError } from '@isthmus/model';
import type { ScopeView, SourceDeps } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import type { HttpClient } from './http.ts';
import type { LargeJson } from './large-json.ts';
import type { NacosLogin } from './login.ts';
import type { ServerAddress } from './server-address.ts';
import type { NacosTiming } from './timing.ts';

/** What the sessions of one namespace share; it outlives connections. */
export interface NamespaceContext {
  readonly config: NacosConfig;
  readonly namespace: string;
  readonly deps: SourceDeps;
  readonly timing: NacosTiming;
  readonly http: HttpClient;
  readonly login: NacosLogin;
  readonly large: LargeJson;
  /** Does the config want a service of that name? */
  readonly wanted: (name: string) => boolean;
  /** By group. */
  readonly views: ReadonlyMap<string, ScopeView>;
  /** The view of that group, made when it is new. */
  view(group: string): ScopeView;
  /** TLS, where the server's URL is https. */
  channel(
    server: ServerAddress,
  ): Promise<{ readonly credentials?: ChannelCredentials; readonly serverName?: string | undefined }>;
  /** Why the session ended, where the end of the connection does not say it. */
  report(thrown: unknown): void;
  /** What was reported first since the last call; undefined when nothing was. */
  takeReport(): unknown;
}

/**
 * A new token when the present one is near its end. While the HTTP port does not answer the old one is used on: Nacos will say
 * when it is over.
 *
 * @throws IsthmusError `registry.auth` or `config.invalid`.
 */
export async function renewLogin(context: NamespaceContext, server: ServerAddress, signal: AbortSignal): Promise<void> {
  try {
    await context.login.ensure(server, signal);
  } catch (thrown) {
    if (IsthmusError.is(thrown) && (thrown.code === 'registry.unreachable' || thrown.code === 'registry.timeout')) return;
    throw thrown;
  }
}
