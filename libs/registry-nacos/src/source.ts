import { messageOf } from '@isthmus/model';
import type { Scope, SourceEvent, SourceId } from '@isthmus/model';
import { ScopeView, serviceFilter, sourceEvents } from '@isthmus/registry';
import type { EventChannel, RegistrySource, SourceDeps } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import { DEFAULT_GROUP } from './group-finder.ts';
import { HttpClient } from './http.ts';
import { LargeJson } from './large-json.ts';
import { NacosLogin } from './login.ts';
import type { NamespaceContext } from './namespace-context.ts';
import { NamespaceLoop } from './namespace-loop.ts';
import { serverAddress } from './server-address.ts';
import { defaultTiming } from './timing.ts';
import type { NacosTiming } from './timing.ts';
import { grpcChannel, renewedTls } from './tls.ts';
import type { TlsNow } from './tls.ts';

/** Reads the namespaces and groups of one Nacos cluster; one connection and one loop for each namespace. */
export class NacosSource implements RegistrySource {
  readonly id: SourceId;
  readonly #config: NacosConfig;
  readonly #deps: SourceDeps;
  readonly #timing: NacosTiming;

  constructor(id: SourceId, config: NacosConfig, deps: SourceDeps, timing: NacosTiming = defaultTiming) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
    this.#timing = timing;
  }

  watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return sourceEvents(signal, (channel, until) => this.#run(channel, until));
  }

  async #run(channel: EventChannel, signal: AbortSignal): Promise<void> {
    const namespaces = this.#config.namespaces.map((namespace) => ({ namespace, views: this.#views(channel, namespace) }));
    const large = new LargeJson(this.id);
    const tls = renewedTls(this.#config, this.#deps.baseDir);
    const http = new HttpClient(this.#timing.mostMessageBytes, tls);
    const login = new NacosLogin(this.#config.auth, this.#deps.baseDir, http, this.#deps.clock, this.#timing.requestDeadline);
    try {
      await Promise.all(
        namespaces.map(({ namespace, views }) => this.#namespaceLoop(namespace, views, { http, login, large, tls }).run(signal)),
      );
    } catch (thrown) {
      // A bug of ours: the registry cannot be read, nothing is deleted.
      for (const { views } of namespaces) views.lost(messageOf(thrown));
    } finally {
      http.close();
      large.close();
      for (const { views } of namespaces) views.close();
    }
  }

  #namespaceLoop(namespace: string, views: Views, shared: Shared): NamespaceLoop {
    let report: unknown;
    const context: NamespaceContext = {
      config: this.#config,
      namespace,
      deps: this.#deps,
      timing: this.#timing,
      http: shared.http,
      login: shared.login,
      large: shared.large,
      wanted: serviceFilter(this.#config.services),
      views: views.all,
      view: views.view,
      channel: async (server) => grpcChannel(server, await shared.tls()),
      report: (thrown) => (report ??= thrown),
      takeReport: () => {
        const taken = report;
        report = undefined;
        return taken;
      },
    };
    const servers = this.#config.servers.map((url) => serverAddress(url, this.#config.grpcPortOffset, this.#config.grpcTls));
    return new NamespaceLoop(context, servers, views.lost);
  }

  /** Scopes say `syncing` at once, so that a reader knows what to wait for. */
  #views(channel: EventChannel, namespace: string): Views {
    const all = new Map<string, ScopeView>();
    const view = (group: string): ScopeView => {
      let known = all.get(group);
      if (known === undefined) {
        const scope: Scope = { source: this.id, namespace, group };
        const { clock } = this.#deps;
        known = new ScopeView({
          scope,
          emit: (event) => channel.push(event),
          clock,
          registry: 'Nacos',
          restartGrace: this.#config.restartGrace,
        });
        all.set(group, known);
      }
      return known;
    };
    const { groups } = this.#config;
    for (const group of groups.includes('*') ? [DEFAULT_GROUP] : groups) view(group);
    return {
      all,
      view,
      lost: (cause) => {
        for (const each of all.values()) each.lost(cause);
      },
      close: () => {
        for (const each of all.values()) each.close();
      },
    };
  }
}

interface Views {
  readonly all: ReadonlyMap<string, ScopeView>;
  readonly view: (group: string) => ScopeView;
  readonly lost: (cause: string) => void;
  readonly close: () => void;
}

interface Shared {
  readonly http: HttpClient;
  readonly login: NacosLogin;
  readonly large: LargeJson;
  readonly tls: TlsNow;
}
