import type { Diagnostic, ServiceRecord, SourceId } from '@isthmus/model';
import type { ServiceFilter } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import { AnswerScanner } from './answer-scanner.ts';
import type { AnswerHead } from './answer-scanner.ts';
import { ApplicationReader } from './application.ts';
import type { Application } from './application.ts';
import { CheckAnswer } from './check-answer.ts';
import type { CheckedState } from './check-answer.ts';
import { AnswerFetcher, now } from './fetch-answer.ts';
import type { AnswerRequest } from './fetch-answer.ts';
import { DeltaRead, FullRead, emptyMirror, matchesHash } from './mirror.ts';

/** One application may be this large: 16,000 instances. */
const MOST_APPLICATION_BYTES = 16 * 1024 * 1024;
/** Of a check no more is read; what counts most stands at its beginning. */
const MOST_CHECK_BYTES = 4 * 1024 * 1024;

export interface ReadRequest extends AnswerRequest {
  /** `check`: the delta in XML, which the server keeps in a cache entry of its own; it is only compared with what is known. */
  readonly kind: 'full' | 'delta' | 'check';
  /** A delta of this version lacks changes that are known (`delta-check.ts`): it is not taken over, and proves nothing wrong. */
  readonly oldVersion?: number;
  /** A list without services fails with `empty` instead of being taken over: another server is asked first. */
  readonly refuseEmpty?: boolean;
}

/** What a read found, beside the records that differ from the read before. */
export interface ReadSummary {
  /** Services that are not registered any more. */
  readonly removed: readonly string[];
  /** The server's count of deltas; undefined for a full read. */
  readonly version: number | undefined;
  /**
   * Of a delta: false when one was missed, and a full read is needed. Of a check: false when the server knows more than we do. Of
   * a full read: false when the check before it knew more.
   */
  readonly hashMatches: boolean;
  /** True when the list has no services and was therefore not taken over (`refuseEmpty`). */
  readonly refused: boolean;
  /** Applications that could not be read, or only in part. */
  readonly problems: readonly Diagnostic[];
  /** Applications whose present state is not known. */
  readonly unreadable: readonly string[];
  readonly applications: number;
  /** From the request to the end of the answer, parsed. */
  readonly tookMs: number;
  /** `process.hrtime` in milliseconds when the last byte of the answer was there. */
  readonly lastByteAt: number;
}

/** Takes a record; a promise asks the reader to wait. */
export type Emit = (record: ServiceRecord) => Promise<void> | undefined;

/** Reads one Eureka: fetches, cuts, parses, compares with what it read before. Lives in a worker (`reader-worker.ts`). */
export class EurekaReader {
  readonly #applications: ApplicationReader;
  readonly #fetcher = new AnswerFetcher();
  #mirror = emptyMirror();
  /** The latest change that was read, on the server's clock. */
  #newest = 0;
  #checked: CheckedState | undefined;
  #startedAt = 0;

  constructor(source: SourceId, filter: ServiceFilter) {
    this.#applications = new ApplicationReader(source, filter);
  }

  /**
   * @param emit Gets each record that differs. None of them counts before the read has ended well.
   * @throws AnswerError when the read fails; it has changed nothing then.
   */
  async read(request: ReadRequest, emit: Emit, signal: AbortSignal): Promise<ReadSummary> {
    this.#startedAt = now();
    if (request.kind === 'check') return this.#readCheck(request, signal);
    return request.kind === 'full' ? this.#readFull(request, emit, signal) : this.#readDelta(request, emit, signal);
  }

  close(): void {
    this.#fetcher.close();
  }

  async #readFull(request: ReadRequest, emit: Emit, signal: AbortSignal): Promise<ReadSummary> {
    const read = new FullRead(this.#applications, this.#mirror);
    const checked = this.#checked;
    this.#checked = undefined;
    let newest = 0;
    const head = await this.#each(request, signal, (application) => {
      newest = newestOf(application, newest);
      const record = read.add(application);
      return record === undefined ? undefined : emit(record);
    });
    if (request.refuseEmpty === true && read.isEmpty) return this.#summary({ refused: true });
    const { mirror, removed } = read.finish(head);
    this.#mirror = mirror;
    const hashMatches = checked === undefined || matchesHash(mirror, checked.hash);
    // The list does not say when an instance was deregistered, the check did.
    this.#newest = hashMatches ? Math.max(newest, checked?.newest ?? 0) : newest;
    return this.#summary({ removed, hashMatches });
  }

  async #readDelta(request: ReadRequest, emit: Emit, signal: AbortSignal): Promise<ReadSummary> {
    const read = new DeltaRead(this.#mirror);
    let newest = this.#newest;
    const head = await this.#each(request, signal, (application) => {
      newest = newestOf(application, newest);
      read.add(application);
    });
    if (head.version !== undefined && head.version === request.oldVersion) return this.#summary({ version: head.version });
    this.#newest = newest;
    const removed: string[] = [];
    for (const name of read.apply()) {
      const instances = this.#mirror.applications.get(name);
      if (instances === undefined) {
        removed.push(name);
        continue;
      }
      const record = this.#applications.record(name, instances.values());
      if (record !== undefined) await emit(record);
    }
    return this.#summary({ removed, version: head.version, hashMatches: matchesHash(this.#mirror, head.hash) });
  }

  async #readCheck(request: ReadRequest, signal: AbortSignal): Promise<ReadSummary> {
    const answer = new CheckAnswer();
    const url = `${request.url}/apps/delta`;
    let bytes = 0;
    for await (const chunk of this.#fetcher.fetch({ ...request, url, accept: 'application/xml' }, signal)) {
      answer.push(chunk);
      bytes += chunk.length;
      if (bytes > MOST_CHECK_BYTES) break;
    }
    const checked = answer.end();
    this.#checked = checked;
    return this.#summary({ hashMatches: matchesHash(this.#mirror, checked.hash) && checked.newest <= this.#newest });
  }

  async #each(
    request: ReadRequest,
    signal: AbortSignal,
    use: (application: Application) => Promise<void> | undefined | void,
  ): Promise<AnswerHead> {
    const scanner = new AnswerScanner(MOST_APPLICATION_BYTES);
    const url = `${request.url}/apps${request.kind === 'full' ? '/' : '/delta'}`;
    try {
      for await (const chunk of this.#fetcher.fetch({ ...request, url }, signal)) {
        for (const piece of scanner.push(chunk)) {
          const wait = use(this.#applications.read(piece));
          if (wait !== undefined) await wait;
        }
      }
      return scanner.end();
    } catch (thrown) {
      if (thrown instanceof AnswerError && thrown.failure.code.startsWith('answer.') && !thrown.message.includes(url)) {
        throw new AnswerError(thrown.failure.code, `${url}: ${thrown.message}`, thrown.failure.remedy);
      }
      throw thrown;
    }
  }

  #summary(parts: Partial<ReadSummary>): ReadSummary {
    return {
      removed: [],
      version: undefined,
      hashMatches: true,
      refused: false,
      problems: [...this.#mirror.problems.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, problem]) => problem),
      unreadable: [...this.#mirror.unreadable].sort(),
      applications: this.#mirror.applications.size,
      tookMs: now() - this.#startedAt,
      lastByteAt: this.#fetcher.lastByteAt,
      ...parts,
    };
  }
}

function newestOf({ instances }: Application, newest: number): number {
  return instances.reduce((latest, { updated }) => Math.max(latest, updated), newest);
}
