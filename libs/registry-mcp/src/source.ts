import { backoff, IsthmusError, pause } from '@isthmus/model';
import type { Scope, SourceEvent, SourceId } from '@isthmus/model';
import { serviceFilter, sourceEvents } from '@isthmus/registry';
import type { RegistrySource, SourceDeps } from '@isthmus/registry';
import type { McpConfig } from './config.ts';
import { connectionTo } from './connect.ts';
import { DiscoveryStream, isUnimplemented } from './discovery-stream.ts';
import type { Transport } from './answer.ts';
import { failureOf } from './failure.ts';
import { Mirror } from './mirror.ts';
import { Session } from './session.ts';

const LONGEST_PAUSE_MS = 15_000;

/** Reads one of several servers of MCP over xDS, by delta where it has it; see docs/registries/mcp.md. */
export class McpSource implements RegistrySource {
  readonly id: SourceId;
  readonly #config: McpConfig;
  readonly #deps: SourceDeps;
  readonly #scope: Scope;

  constructor(id: SourceId, config: McpConfig, deps: SourceDeps) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
    this.#scope = { source: id, namespace: '', group: '' };
  }

  watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return sourceEvents(signal, (channel, until) => this.#run(until, (event) => channel.push(event)));
  }

  async #run(signal: AbortSignal, emit: (event: SourceEvent) => void): Promise<void> {
    const { servers, services, tls } = this.#config;
    const mirror = new Mirror(this.id, serviceFilter(services));
    let transport: Transport = 'delta';
    let attempt = 0;
    let index = 0;
    let since: number | undefined;
    emit({ kind: 'status', scope: this.#scope, status: { state: 'syncing' } });
    while (!signal.aborted) {
      const server = servers[index % servers.length] ?? '';
      const { thrown, wasLive } = await this.#follow(server, transport, mirror, emit, signal);
      if (signal.aborted) return;
      // Known servers answer UNIMPLEMENTED at once; one that is silent gets the other way at the next try.
      const isUnknown: boolean = transport === 'delta' && isUnimplemented(thrown);
      const isSilent: boolean = transport === 'delta' && IsthmusError.is(thrown) && thrown.code === 'registry.timeout';
      transport = isUnknown || isSilent ? 'sotw' : 'delta';
      if (isUnknown) continue;
      if (wasLive) since = undefined;
      since ??= this.#deps.clock.now();
      const { what, remedy } = failureOf(server, thrown, tls !== undefined);
      emit({ kind: 'status', scope: this.#scope, status: { state: 'stale', since, cause: `${what}; ${remedy}` } });
      attempt = wasLive ? 0 : attempt + 1;
      if (!isSilent) index += 1;
      await pause(backoff(attempt, this.#deps.random, 200, LONGEST_PAUSE_MS), signal);
    }
  }

  /** Never throws: how it ended is its result. */
  async #follow(
    server: string,
    transport: Transport,
    mirror: Mirror,
    emit: (event: SourceEvent) => void,
    signal: AbortSignal,
  ): Promise<{ readonly thrown: unknown; readonly wasLive: boolean }> {
    let close = (): void => undefined;
    let session: Session | undefined;
    try {
      const connection = await connectionTo(server, this.#config, this.#deps);
      if (signal.aborted) return { thrown: undefined, wasLive: false };
      const stream = new DiscoveryStream(transport, connection, nodeId(this.id));
      close = () => {
        stream.cancel();
        connection.client.close();
      };
      signal.addEventListener('abort', close, { once: true });
      const { onMessage } = this.#deps;
      session = new Session({ scope: this.#scope, stream, mirror, timeout: this.#config.timeout, emit, onMessage });
      return await session.run();
    } catch (thrown) {
      return { thrown, wasLive: session?.wasLive ?? false };
    } finally {
      signal.removeEventListener('abort', close);
      close();
    }
  }
}

/** In the form that Istio's servers want to parse. */
export function nodeId(source: SourceId): string {
  return `sidecar~127.0.0.1~${source}.isthmus~isthmus.svc.cluster.local`;
}
