import { jittered, pause } from '@isthmus/model';
import type { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';

export interface HeartbeatOptions {
  /** Time between two questions, ± 20 %; milliseconds. Default 5,000. */
  readonly everyMs?: number;
  /** How long an answer may take. Default 5,000. */
  readonly timeoutMs?: number;
  /** [0, 1), for jitter. */
  readonly random?: () => number;
}

/** One missed answer may be a full queue; two in a row are not. */
const MISSES = 2;

/**
 * Notices an API server that has stopped answering while its connections stay open: a watch alone cannot tell that from a
 * quiet cluster. One small question for all watches of a client, and only while somebody watches. `/livez` because API
 * Priority and Fairness never queues it; any answer, a refusal too, is a sign of life. But for 401: a token that was revoked is
 * noticed here, while watches that are open go on with what they were given for.
 */
export class Heartbeat {
  readonly #client: KubeClient;
  readonly #options: Required<HeartbeatOptions>;
  readonly #members = new Set<(error: KubeError) => void>();
  #asking: AbortController | undefined;
  /** `performance.now()` of its last sign of life. */
  #heardAt: number | undefined;

  constructor(client: KubeClient, options: HeartbeatOptions = {}) {
    this.#client = client;
    this.#options = { everyMs: 5_000, timeoutMs: 5_000, random: Math.random, ...options };
  }

  /** Milliseconds since the server last answered; undefined: it has not been asked. */
  get silentMs(): number | undefined {
    return this.#heardAt === undefined ? undefined : performance.now() - this.#heardAt;
  }

  /** Calls back, once, when the server no longer answers, or no longer knows us. Returns how to leave. */
  join(onLost: (error: KubeError) => void): () => void {
    this.#members.add(onLost);
    if (this.#asking === undefined) {
      this.#asking = new AbortController();
      void this.#ask(this.#asking.signal);
    }
    return () => {
      this.#members.delete(onLost);
      if (this.#members.size > 0) return;
      this.#asking?.abort();
      this.#asking = undefined;
    };
  }

  async #ask(signal: AbortSignal): Promise<void> {
    let missed = 0;
    while (!signal.aborted) {
      await pause(jittered(this.#options.everyMs, this.#options.random), signal);
      if (signal.aborted) return;
      const error = await this.#miss(signal);
      missed = error === undefined ? 0 : missed + 1;
      if (error === undefined) this.#heardAt = performance.now();
      if (error === undefined || (missed < MISSES && error.reason !== 'unauthorized')) continue;
      missed = 0;
      for (const onLost of this.#members) onLost(error);
    }
  }

  async #miss(signal: AbortSignal): Promise<KubeError | undefined> {
    try {
      await this.#client.exchange({ path: '/livez', signal, timeoutMs: this.#options.timeoutMs });
      return undefined;
    } catch (thrown) {
      const error = KubeError.from(thrown);
      const isSilence = error.reason === 'timeout' || (error.reason === 'unreachable' && error.status === undefined);
      return isSilence || error.reason === 'unauthorized' ? error : undefined;
    }
  }
}
