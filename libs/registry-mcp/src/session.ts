import { IsthmusError, runInSlices } from '@isthmus/model';
import type { Scope, SourceEvent } from '@isthmus/model';
import { Completeness } from './completeness.ts';
import type { Answer } from './answer.ts';
import type { DiscoveryStream } from './discovery-stream.ts';
import type { Mirror } from './mirror.ts';
import { TYPES } from './types.ts';

export interface SessionOptions {
  readonly scope: Scope;
  readonly stream: DiscoveryStream;
  readonly mirror: Mirror;
  /** ms until the first ServiceEntries. */
  readonly timeout: number;
  readonly emit: (event: SourceEvent) => void;
  readonly onMessage: ((atMs: number) => void) | undefined;
}

/** `waiting`: not complete yet. `partial`: WorkloadEntries are missing, so only the other services may change. */
type Phase = 'waiting' | 'partial' | 'live';

/** One stream from its first request until it is lost. */
export class Session {
  readonly #options: SessionOptions;
  readonly #completeness: Completeness;
  #phase: Phase = 'waiting';
  #timer: NodeJS.Timeout | undefined;
  #lastProblems = '';
  #isLate = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#completeness = new Completeness(options.stream.transport);
  }

  get wasLive(): boolean {
    return this.#phase === 'live';
  }

  /** Never ends well. @throws IsthmusError or ServiceError of grpc-js with why it was lost */
  async run(): Promise<never> {
    const { stream, mirror, onMessage, timeout } = this.#options;
    this.#wait(timeout, () => this.#late());
    try {
      for (const type of TYPES) stream.subscribe(type, stream.transport === 'delta' ? mirror.versions(type) : {});
      for await (const answer of stream.answers(onMessage)) await this.#take(answer);
    } catch (thrown) {
      throw this.#isLate ? this.#timeoutError() : thrown;
    } finally {
      clearTimeout(this.#timer);
    }
    throw new IsthmusError('registry.unreachable', 'the server ended the stream', { remedy: 'look at the log of the server' });
  }

  async #take(answer: Answer): Promise<void> {
    const { stream, mirror } = this.#options;
    if (!TYPES.includes(answer.type)) return stream.respond(answer, []);
    if (this.#phase !== 'live' && this.#completeness.hasServices) clearTimeout(this.#timer); // not complete in the midst of this one
    const dirty = new Set<string>();
    const refused = await runInSlices(mirror.apply(answer, dirty));
    await runInSlices(this.#changes(dirty));
    stream.respond(answer, refused);
    this.#tellProblems();
    if (this.#phase === 'live') return;
    this.#completeness.note(answer.type);
    const quiet = this.#completeness.quietFor(mirror.isSelecting);
    if (quiet !== undefined) this.#wait(quiet, () => this.#complete());
    else if (this.#completeness.hasServices && this.#phase === 'waiting')
      this.#wait(this.#options.timeout, () => this.#partial());
  }

  *#changes(dirty: ReadonlySet<string>): Generator<void, void> {
    const { mirror, emit } = this.#options;
    for (const host of dirty) {
      const change = mirror.changeOf(host);
      yield;
      if (change === undefined || this.#phase === 'waiting') continue;
      if (this.#phase === 'partial' && (!('upsert' in change) || mirror.isSelectingFor(host))) continue;
      emit('upsert' in change ? { kind: 'upsert', service: change.upsert } : { kind: 'remove', key: change.remove });
    }
  }

  #complete(): void {
    const { scope, mirror, emit } = this.#options;
    this.#phase = 'live';
    emit({ kind: 'snapshot', scope, services: mirror.records() });
    emit({ kind: 'status', scope, status: { state: 'live' } });
  }

  #partial(): void {
    const { scope, mirror, emit } = this.#options;
    this.#phase = 'partial';
    const cause = 'the server sends ServiceEntries that select WorkloadEntries, but answers for no WorkloadEntries';
    emit({ kind: 'status', scope, status: { state: 'partial', cause } });
    for (const record of mirror.records().values())
      if (!mirror.isSelectingFor(record.key.name)) emit({ kind: 'upsert', service: record });
  }

  #tellProblems(): void {
    const { scope, mirror, emit } = this.#options;
    const { problems } = mirror;
    const text = JSON.stringify(problems);
    if (text === this.#lastProblems || (this.#lastProblems === '' && problems.length === 0)) return;
    this.#lastProblems = text;
    emit({ kind: 'diagnostics', scope, diagnostics: problems });
  }

  #late(): void {
    this.#isLate = true;
    this.#options.stream.cancel();
  }

  #timeoutError(): IsthmusError {
    return new IsthmusError('registry.timeout', `no ServiceEntries within ${this.#options.timeout} ms`, {
      remedy: 'a bridge answers when its own registries have been read: look at its /readyz; else raise timeout',
    });
  }

  #wait(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms).unref();
  }
}
