import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { SourceEvent, SourceId } from '@isthmus/model';
import { backoff, messageOf, pause } from '@isthmus/model';
import type { SourceDeps } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import type { ReadFailure } from './answer-error.ts';
import type { EurekaConfig } from './config.ts';
import { readCredentials } from './credentials.ts';
import { DeltaCheck } from './delta-check.ts';
import { now } from './fetch-answer.ts';
import type { Read, Reader } from './reader-thread.ts';
import type { ReadRequest } from './reader.ts';
import { ScopeView } from './scope-view.ts';

/** A server keeps changes for its deltas for 180 s (`retentionTimeInMSInDeltaQueue`); after a longer gap some are missed. */
const DELTA_REACH_MS = 150_000;
/** Between two reads of everything pass at least four times what one takes, whatever a server's hash says. */
const FULL_READ_REST = 4;
/** Where a server has switched its delta off everything is read every sixth poll: each 30 s, as Eureka's own clients do. */
const FULL_READ_POLLS = 6;

/** What the next delta builds upon. */
interface Continuity {
  readonly server: string;
  /** When this server was last read, clock milliseconds. */
  readonly at: number;
  /** `versions__delta` of the last delta; lower than that is a restarted server. */
  readonly version: number | undefined;
  /** Reads have failed since: what this server did in between is not known. */
  readonly interrupted: boolean;
}

/** `proven`: we hold what the server has. `missed`: its hash says otherwise. `refused`: it gives no deltas. */
type DeltaOutcome = 'proven' | 'missed' | 'restarted' | 'refused';

/** Asks the servers in turn, again and again, and tells the view what they said and how far that is to be trusted. */
export class Poll {
  readonly #config: EurekaConfig;
  readonly #deps: SourceDeps;
  readonly #reader: Reader;
  readonly #view: ScopeView;
  /** What turns milliseconds of `process.hrtime` into those of `performance.now()`. */
  readonly #clockOffset = performance.now() - now();
  #continuity: Continuity | undefined;
  /** Servers that refuse deltas (`disable-delta`). */
  readonly #withoutDelta = new Set<string>();
  readonly #check = new DeltaCheck();
  #nextFullAt = 0;

  constructor(id: SourceId, config: EurekaConfig, deps: SourceDeps, reader: Reader, emit: (event: SourceEvent) => void) {
    this.#config = config;
    this.#deps = deps;
    this.#reader = reader;
    const scope = { source: id, namespace: '', group: '' };
    this.#view = new ScopeView({
      scope,
      emit,
      clock: deps.clock,
      restartGrace: config.restartGrace,
      yieldToLoop: () => yieldToLoop(),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { random } = this.#deps;
    const { pollInterval } = this.#config;
    let failures = 0;
    while (!signal.aborted) {
      const began = performance.now();
      const failure = await this.#pollServers(signal);
      if (signal.aborted) return;
      if (failure !== undefined) {
        this.#view.lost(failure);
        failures += 1;
      } else {
        if (this.#view.graceLeft === 0) await this.#view.settle();
        failures = 0;
      }
      const wait =
        failures === 0
          ? Math.min(restOf(pollInterval * (0.8 + 0.2 * random()), began), this.#view.graceLeft ?? Number.POSITIVE_INFINITY)
          : backoff(failures - 1, random, 200, Math.max(1_000, pollInterval));
      await pause(wait, signal);
    }
  }

  /** The server that worked last, then the others in their order; undefined when one of them could be read. */
  async #pollServers(signal: AbortSignal): Promise<ReadFailure | undefined> {
    const first = this.#continuity?.server ?? this.#config.servers[0] ?? '';
    const servers = [first, ...this.#config.servers.filter((server) => server !== first)];
    const failures: ReadFailure[] = [];
    const empty: string[] = [];
    for (const server of servers) {
      if (signal.aborted) return undefined;
      try {
        // A server that has nothing while another one has is one that has just started.
        if (await this.#readServer(server, servers.length > 1)) return undefined;
        empty.push(server);
      } catch (thrown) {
        failures.push(failureOf(thrown));
        if (server === this.#continuity?.server) this.#continuity = { ...this.#continuity, interrupted: true };
      }
    }
    for (const server of empty) {
      try {
        if (await this.#readServer(server, false)) return undefined;
      } catch (thrown) {
        failures.push(failureOf(thrown));
      }
    }
    const [one] = failures;
    if (one === undefined || failures.length === 1) return one;
    const others = failures.slice(1).map(({ what }) => what);
    return { ...one, what: [one.what, ...others].join('; ') };
  }

  /** False when the server has no services and `refuseEmpty` is set. @throws AnswerError when it cannot be read. */
  async #readServer(server: string, refuseEmpty: boolean): Promise<boolean> {
    const last = this.#continuity?.server === server ? this.#continuity : undefined;
    const { clock } = this.#deps;
    const inReach = last !== undefined && this.#reader.hasRead && clock.now() - last.at < DELTA_REACH_MS;
    let delta: DeltaOutcome = 'refused';
    if (inReach && !this.#withoutDelta.has(server)) {
      delta = await this.#readDelta(last);
      if (delta === 'proven' && !(await this.#isOld(last))) return true;
    }
    const continues = inReach && !last.interrupted && delta !== 'restarted';
    if (continues && clock.now() < this.#nextFullAt) return true;
    if (!(await this.#readFull(server, continues, refuseEmpty))) return false;
    if (inReach && delta === 'refused') this.#withoutDelta.add(server);
    return true;
  }

  async #readDelta(last: Continuity): Promise<DeltaOutcome> {
    const { server, interrupted: wasLost } = last;
    const oldVersion = wasLost ? undefined : this.#check.oldVersion(server);
    let read: Read;
    try {
      read = await this.#read(server, { kind: 'delta', ...(oldVersion === undefined ? {} : { oldVersion }) });
    } catch (thrown) {
      // Switched off (403), or a proxy or an old server that has no such path: the full list may still be there.
      const { status } = failureOf(thrown);
      if (status === 403 || status === 404) return 'refused';
      throw thrown;
    }
    const { version, hashMatches } = read.summary;
    const restarted = version !== undefined && last.version !== undefined && version < last.version;
    const proven = hashMatches && !restarted;
    await this.#view.delta(read, proven);
    const interrupted = wasLost && !proven;
    this.#continuity = { server, at: this.#deps.clock.now(), version, interrupted };
    if (proven) return 'proven';
    return restarted ? 'restarted' : 'missed';
  }

  /** The server repeats a delta that lacks changes. */
  async #isOld({ server, interrupted }: Continuity): Promise<boolean> {
    const { clock } = this.#deps;
    if (interrupted || !this.#check.isDue(server, this.#continuity?.version, clock.now())) return false;
    let agrees = true;
    try {
      agrees = (await this.#read(server, { kind: 'check' })).summary.hashMatches;
    } catch (thrown) {
      // The delta was read, which is what counts: a server, or what stands before it, that gives no XML cannot be checked.
      if (!(thrown instanceof AnswerError)) throw thrown;
    }
    return this.#check.took(agrees, clock.now());
  }

  async #readFull(server: string, continues: boolean, refuseEmpty: boolean): Promise<boolean> {
    const { clock } = this.#deps;
    const read = await this.#read(server, { kind: 'full', refuseEmpty });
    if (read.summary.refused) return false;
    // Nothing was known: there is nothing to lose. An empty list never follows from changes that were only missed.
    const trusted = this.#view.isEmpty || (continues && read.summary.applications > 0);
    await this.#view.full(read, trusted);
    this.#check.tookAll(read.summary.hashMatches, clock.now());
    const pauseMs = this.#withoutDelta.has(server) ? FULL_READ_POLLS * this.#config.pollInterval : 0;
    this.#nextFullAt = clock.now() + Math.max(pauseMs, FULL_READ_REST * read.summary.tookMs);
    this.#continuity = { server, at: clock.now(), version: undefined, interrupted: false };
    return true;
  }

  async #read(server: string, request: Pick<ReadRequest, 'kind' | 'refuseEmpty' | 'oldVersion'>): Promise<Read> {
    const { timeout, maxAnswerMegabytes } = this.#config;
    const credentials = await readCredentials(this.#config, this.#deps.baseDir);
    const mostBytes = maxAnswerMegabytes * 1024 * 1024;
    const read = await this.#reader.read({ url: server, timeoutMs: timeout, mostBytes, ...request, ...credentials });
    if (request.kind !== 'check') this.#deps.onMessage?.(read.summary.lastByteAt + this.#clockOffset);
    return read;
  }
}

function failureOf(thrown: unknown): ReadFailure {
  if (thrown instanceof AnswerError) return thrown.failure;
  return { code: 'registry.protocol', what: `reading failed: ${messageOf(thrown)}`, remedy: 'report this as a bug of Isthmus' };
}

/** Until the next read, ms: the time since this one began is part of the interval. What takes long leaves the servers half of it. */
function restOf(intervalMs: number, began: number): number {
  return Math.max(intervalMs - (performance.now() - began), intervalMs / 2);
}
