import type { Scope, SourceEvent, SourceId } from '@isthmus/model';
import { backoff, IsthmusError, messageOf, pause } from '@isthmus/model';
import { serviceFilter, sourceEvents } from '@isthmus/registry';
import type { EventChannel, RegistrySource, SourceDeps } from '@isthmus/registry';
import type { ConsulClient } from './client.ts';
import type { ConsulConfig } from './config.ts';
import { connectTo } from './connect.ts';
import { ownDatacenter } from './datacenters.ts';
import { Decoder } from './decoder.ts';
import { ScopeState } from './scope-state.ts';
import { RESERVED_CONNECTIONS, Session } from './session.ts';
import { Turns } from './turns.ts';

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

/** Reads the datacenters of one Consul, each a scope that lives on its own. */
export class ConsulSource implements RegistrySource {
  readonly id: SourceId;
  readonly #config: ConsulConfig;
  readonly #deps: SourceDeps;
  readonly #turns = new Turns();

  constructor(id: SourceId, config: ConsulConfig, deps: SourceDeps) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
  }

  watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return sourceEvents(signal, async (channel, until) => {
      const decoder = new Decoder({ passingOnly: this.#config.passingOnly });
      // What waits for its worker fails, so that the run can end.
      until.addEventListener('abort', () => void decoder.close());
      await this.#run(channel, decoder, until).finally(() => decoder.close());
    });
  }

  async #run(channel: EventChannel, decoder: Decoder, signal: AbortSignal): Promise<void> {
    const { datacenters } = this.#config;
    const names = datacenters.length > 0 ? datacenters : await this.#own(channel, signal);
    await Promise.all(
      [...new Set(names)].map((name) => this.#datacenter(this.#scope(name), names.length, channel, decoder, signal)),
    );
  }

  #scope(namespace: string): Scope {
    return { source: this.id, namespace, group: '' };
  }

  /** The agent's own datacenter. Until Consul told its name, the scope without one says what is wrong. */
  async #own(channel: EventChannel, signal: AbortSignal): Promise<readonly string[]> {
    const scope = this.#scope('');
    let state: ScopeState | undefined;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      let client: ConsulClient | undefined;
      try {
        client = await connectTo(this.#config, this.#deps, attempt, RESERVED_CONNECTIONS, signal);
        const name = await untilAborted(ownDatacenter(client), signal);
        state?.startRead();
        state?.endRead(undefined); // live and empty: there is nothing in that scope
        return [name];
      } catch (thrown) {
        if (signal.aborted) break;
        if (state === undefined) {
          state = new ScopeState(scope, (event) => channel.push(event), this.#deps.clock);
          state.start();
        }
        state.lost(causeOf(thrown));
        await pause(backoff(attempt, this.#deps.random, FIRST_RETRY_MS, LAST_RETRY_MS), signal);
      } finally {
        await client?.close();
      }
    }
    return [];
  }

  async #datacenter(scope: Scope, count: number, channel: EventChannel, decoder: Decoder, signal: AbortSignal): Promise<void> {
    const state = new ScopeState(scope, (event) => channel.push(event), this.#deps.clock);
    state.start();
    const connections = Math.floor(this.#config.maxConnections / count);
    let listIndex = 0;
    let failures = 0;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      let client: ConsulClient | undefined;
      const started = performance.now();
      try {
        client = await connectTo(this.#config, this.#deps, attempt, connections, signal);
        const session = this.#session(scope, state, client, decoder, listIndex);
        try {
          await session.run(signal);
        } finally {
          listIndex = session.listIndex;
        }
      } catch (thrown) {
        if (signal.aborted) break;
        state.lost(causeOf(thrown), client?.sinceAnswerMs);
        // A session that lasted is no sign of trouble ahead: then the next attempt comes soon.
        failures = performance.now() - started > LAST_RETRY_MS ? 0 : failures + 1;
        await Promise.all([client?.close(), pause(backoff(failures, this.#deps.random, FIRST_RETRY_MS, LAST_RETRY_MS), signal)]);
      } finally {
        await client?.close();
      }
    }
  }

  #session(scope: Scope, state: ScopeState, client: ConsulClient, decoder: Decoder, listIndex: number): Session {
    const config = this.#config;
    const filter = serviceFilter(config.services);
    return new Session({
      client,
      scope,
      state,
      decoder,
      turns: this.#turns,
      // Consul's own servers are nobody's target unless someone asks for them by name.
      wants: (name) => filter(name) && (name !== 'consul' || config.services.include.includes('consul')),
      random: this.#deps.random,
      waitMs: config.wait,
      probeMs: config.requestTimeout,
      graceMs: config.restartGrace,
      listIndex,
      hasToken: config.auth !== undefined,
    });
  }
}

/** Does not wait for an answer that nobody wants any more; closing the client ends the call itself. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    work.then(resolve, reject);
  });
}

function causeOf(thrown: unknown): string {
  return IsthmusError.is(thrown) ? thrown.explain() : messageOf(thrown);
}
