import { formatProgress, type OnProgress, type Progress } from '@isthmus/servers';

/** Something that runs as a process, whoever starts it: a real server, or a Node program of ours. */
export interface Supervised {
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  /** On the same ports; resolves when it is ready. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export type PartState =
  | { readonly kind: 'waiting'; readonly until: string }
  | { readonly kind: 'preparing'; readonly progress: Progress }
  | { readonly kind: 'starting' }
  | { readonly kind: 'up'; readonly running: Supervised }
  /** It ended by itself, or somebody killed it. */
  | { readonly kind: 'down'; readonly running: Supervised; readonly restartAt: number | undefined }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stopped' };

export interface PartOptions {
  readonly name: string;
  readonly group: 'servers' | 'services';
  readonly start: (onProgress: OnProgress, signal: AbortSignal) => Promise<Supervised>;
  /** Milliseconds after which one that went down is started again; undefined: never. */
  readonly restartAfterMs: number | undefined;
  readonly logFile?: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** One line of the live view: a process from before its build to its end. */
export class Part {
  readonly name: string;
  readonly group: PartOptions['group'];
  readonly logFile: string | undefined;
  readonly #options: PartOptions;
  readonly #now: () => number;
  #state: PartState;
  #starting: Promise<void> = Promise.resolve();

  constructor(options: PartOptions, waitingUntil = 'its turn') {
    this.name = options.name;
    this.group = options.group;
    this.logFile = options.logFile;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#state = { kind: 'waiting', until: waitingUntil };
  }

  get state(): PartState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#state.kind === 'up' ? this.#state.running.pid : undefined;
  }

  waitUntil(what: string): void {
    if (this.#state.kind === 'waiting') this.#state = { kind: 'waiting', until: what };
  }

  /** Resolves when it is ready. @throws what its start throws. */
  up(signal: AbortSignal): Promise<void> {
    const starting = this.#start(signal);
    this.#starting = starting.catch(() => undefined);
    return starting;
  }

  async #start(signal: AbortSignal): Promise<void> {
    this.#state = { kind: 'starting' };
    try {
      const running = await this.#options.start((progress) => this.#noteProgress(progress), signal);
      // The lab may have been stopped meanwhile: then nobody else would end this one.
      if (signal.aborted) await running.stop();
      this.#state = signal.aborted ? { kind: 'stopped' } : { kind: 'up', running };
    } catch (error) {
      if (signal.aborted) this.#state = { kind: 'stopped' };
      else this.#state = { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
      throw error;
    }
  }

  /** Notices that it went down, and starts it again when that is due. Called every now and then. */
  watch(): void {
    const state = this.#state;
    if (state.kind === 'up' && state.running.pid === undefined) {
      const { restartAfterMs } = this.#options;
      this.#state = {
        kind: 'down',
        running: state.running,
        restartAt: restartAfterMs === undefined ? undefined : this.#now() + restartAfterMs,
      };
    } else if (state.kind === 'down' && state.restartAt !== undefined && this.#now() >= state.restartAt) {
      this.#starting = this.#again(state.running);
    }
  }

  /** Also one that is still starting, once its start has noticed the signal that it was given. */
  async stop(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    if (state.kind === 'up' || state.kind === 'down') await state.running.stop();
    await this.#starting;
  }

  async #again(running: Supervised): Promise<void> {
    this.#state = { kind: 'starting' };
    try {
      await running.restart();
    } catch {
      // Watched again below: what cannot start is down, and tried once more after the same time.
    }
    if ((this.#state as PartState).kind === 'stopped') await running.stop();
    else this.#state = { kind: 'up', running };
  }

  #noteProgress(progress: Progress): void {
    if (this.#state.kind === 'stopped') return;
    this.#state = progress.phase === 'ready' ? { kind: 'starting' } : { kind: 'preparing', progress };
  }
}

/** `up`, `building, 132 s`, `down, again in 12 s`: for the live view and `status`. */
export function describeState(state: PartState, now: number): string {
  switch (state.kind) {
    case 'waiting':
      return `waits for ${state.until}`;
    case 'preparing':
      return withoutName(formatProgress(state.progress));
    case 'starting':
      return 'starting';
    case 'up':
      return 'up';
    case 'down':
      return state.restartAt === undefined
        ? 'down'
        : `down, again in ${Math.max(0, Math.ceil((state.restartAt - now) / 1000))} s`;
    case 'failed':
      return `failed: ${state.reason.split('\n')[0]}`;
    case 'stopped':
      return 'stopped';
    default:
      return state satisfies never;
  }
}

function withoutName(text: string): string {
  return text.slice(text.indexOf(': ') + 2);
}
