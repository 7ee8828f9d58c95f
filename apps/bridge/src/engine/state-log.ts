import type { ScopeState } from '@isthmus/catalog';
import { steadyClock } from '@isthmus/model';
import type { Clock, SourceId, SourceStatus } from '@isthmus/model';
import type { Logger } from 'pino';

/** A registry that fails now in one way, now in another says so once in this time, ms. */
const SAME_STATE_FOR_MS = 60_000;
const LOOK_AGAIN_MS = 1_000;

const RANK: Readonly<Record<SourceStatus['state'], number>> = { live: 0, syncing: 1, partial: 2, stale: 3 };

/** What is read of a partial one is believed, also that something is gone. */
const STAYS = { stale: 'nothing of it is removed', partial: 'what cannot be read stays' } as const;

interface Summary {
  readonly status: SourceStatus;
  readonly scopes: number;
  /** Scopes in this state. */
  readonly affected: number;
  readonly services: number;
}

interface Told {
  readonly state: SourceStatus['state'];
  readonly cause: string;
  readonly at: number;
}

/**
 * Which registry can be read and which cannot, a line when that changes: of a Pod whose rights are missing nothing else than the log
 * may be at hand (`kubectl logs`). One line a registry, however many scopes it has.
 */
export class StateLog {
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #scopes: () => Iterable<ScopeState>;
  readonly #clock: Clock;
  readonly #told = new Map<SourceId, Told>();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Pick<Logger, 'info' | 'warn'>, scopes: () => Iterable<ScopeState>, clock: Clock = steadyClock) {
    this.#log = log;
    this.#scopes = scopes;
    this.#clock = clock;
  }

  /** Something changed: there is a look within a second, one for all that changes until then. */
  wanted(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.look();
    }, LOOK_AGAIN_MS).unref();
  }

  look(): void {
    const summaries = summarize(this.#scopes());
    for (const source of this.#told.keys()) if (!summaries.has(source)) this.#told.delete(source);
    for (const [source, summary] of summaries) this.#tell(source, summary);
  }

  #tell(source: SourceId, { status, scopes, affected, services }: Summary): void {
    const { state } = status;
    const cause = 'cause' in status ? status.cause : '';
    const told = this.#told.get(source);
    const at = this.#clock.now();
    if (told?.state === state && (told.cause === cause || at - told.at < SAME_STATE_FOR_MS)) return;
    if (told === undefined && state === 'syncing') return;
    this.#told.set(source, { state, cause, at });
    const fields = { source, state, scopes, affected, services };
    if (state === 'live') this.#log.info(fields, `${source}: live, ${services} services`);
    else if (state === 'syncing') this.#log.info(fields, `${source}: is read for the first time`);
    else
      this.#log.warn(
        { ...fields, cause },
        `${source}: ${state} in ${affected} of ${scopes} scopes, ${STAYS[state]}: ${cause}; \`isthmus doctor\` says what to do`,
      );
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}

/** By source: its worst state, with the cause of the first scope in it. */
function summarize(states: Iterable<ScopeState>): ReadonlyMap<SourceId, Summary> {
  const summaries = new Map<SourceId, Summary>();
  for (const { scope, status, records } of states) {
    const before = summaries.get(scope.source);
    const isWorse = before === undefined || RANK[status.state] > RANK[before.status.state];
    summaries.set(scope.source, {
      status: isWorse ? status : before.status,
      scopes: (before?.scopes ?? 0) + 1,
      affected: isWorse ? 1 : before.affected + Number(status.state === before.status.state),
      services: (before?.services ?? 0) + records.size,
    });
  }
  return summaries;
}
