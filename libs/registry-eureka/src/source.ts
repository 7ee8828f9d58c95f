import type { SourceEvent, SourceId } from '@isthmus/model';
import { sourceEvents } from '@isthmus/registry';
import type { RegistrySource, SourceDeps } from '@isthmus/registry';
import type { EurekaConfig } from './config.ts';
import { Poll } from './poll.ts';
import { ReaderThread } from './reader-thread.ts';

/** Reads Eureka by full lists and deltas, in a worker; see docs/registries/eureka.md for the times that follow from it. */
export class EurekaSource implements RegistrySource {
  readonly id: SourceId;
  readonly #config: EurekaConfig;
  readonly #deps: SourceDeps;

  constructor(id: SourceId, config: EurekaConfig, deps: SourceDeps) {
    this.id = id;
    this.#config = config;
    this.#deps = deps;
  }

  watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    return sourceEvents(signal, async (channel, until) => {
      const reader = new ReaderThread({ source: this.id, filter: this.#config.services });
      // What waits for the thread fails, so that the poll can end.
      until.addEventListener('abort', () => void reader.close());
      const poll = new Poll(this.id, this.#config, this.#deps, reader, (event) => channel.push(event));
      await poll.run(until).finally(() => reader.close());
    });
  }
}
