import { Agent, request } from 'node:http';

export interface Target {
  readonly port: number;
  readonly host: string;
}

/** At most so many calls wait for their answers; the next one is then left out, and `calls` says how many there were. */
const MOST_UNDER_WAY = 64;

/** Calls its targets in turns at a steady rate, whatever the answers, and keeps every answer that is not 200. */
export class LoadCaller {
  calls = 0;
  /** `host: status text` or `host: error`, and how often. */
  readonly failures = new Map<string, number>();
  readonly #targets: readonly Target[];
  readonly #onFailure: (what: string) => void;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: MOST_UNDER_WAY });
  readonly #timer: NodeJS.Timeout;
  readonly #since = performance.now();
  readonly #perSecond: number;
  #due = 0;
  #underWay = 0;
  #ended: (() => void) | undefined;

  constructor(targets: readonly Target[], perSecond: number, onFailure: (what: string) => void = () => undefined) {
    this.#targets = targets;
    this.#onFailure = onFailure;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#tick(), 10);
  }

  /** Calls a second, from the start until now. */
  get rate(): number {
    return (this.calls * 1_000) / (performance.now() - this.#since);
  }

  /** Resolves when what is under way has been answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#ended = resolve));
    this.#agent.destroy();
  }

  #tick(): void {
    const wanted = ((performance.now() - this.#since) * this.#perSecond) / 1_000;
    for (; this.#due < wanted; this.#due += 1) {
      if (this.#underWay < MOST_UNDER_WAY) this.#call(this.#targets[this.#due % this.#targets.length] as Target);
    }
  }

  #call({ port, host }: Target): void {
    this.#underWay += 1;
    this.calls += 1;
    const ended = (failure?: string): void => {
      if (failure !== undefined) {
        const key = `${host}: ${failure}`;
        this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
        this.#onFailure(key);
      }
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#ended?.();
    };
    const call = request({ host: '127.0.0.1', port, agent: this.#agent, headers: { host }, timeout: 20_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => ended(response.statusCode === 200 ? undefined : `${response.statusCode} ${body}`));
      response.on('error', () => ended('broken off in its answer'));
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 20 s')));
    call.on('error', (error) => ended(error.message));
    call.end();
  }
}
