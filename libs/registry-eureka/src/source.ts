import type { SourceEvent, SourceId } from '@isthmus/model';
import { EventChannel } from '@isthmus/registry';
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

  async *watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const channel = new EventChannel();
    const reader = new ReaderThread({ source: this.id, filter: this.#config.services });
    // The poll ends with the iteration too, when its reader stops by `break` instead of by the signal.
    const ended = new AbortController();
    const poll = new Poll(this.id, this.#config, this.#deps, reader, (event) => channel.push(event));
    const running = poll.run(AbortSignal.any([signal, ended.signal]));
    try {
      yield* channel.read(signal);
    } finally {
      ended.abort();
      await reader.close();
      await running;
    }
  }
}
