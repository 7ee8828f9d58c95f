interface Watched {
  readonly server: string;
  /** Of the entry that the server repeats. */
  readonly version: number;
  /** When its twin is read, clock milliseconds. */
  readonly dueAt: number;
  /** How often in a row the twin said something else. */
  readonly doubts: number;
  /** A list that agrees with the twin was read: this entry is old, and says nothing any more. */
  readonly isOld: boolean;
}

/** An entry stays good once it is; a server that answers from a second, read-only cache renews that one as often. */
const CHECK_EVERY_MS = 30_000;
/** The twin is read a moment later than the delta: a change in between is no fault, and the next poll has it. */
const ENOUGH_DOUBTS = 2;

/**
 * A Eureka server answers from a cache, an entry for each kind of answer, and a change that comes while an entry is being made does
 * not invalidate it (google/guava#1881): the server then repeats a delta that lacks the change, with a hash that agrees with it, until
 * the next change or until the entry expires after 180 s (`response-cache-auto-expiration-in-seconds`). `versions__delta` tells that
 * it is the same entry; its twin in XML, made at another time, tells whether it is old.
 */
export class DeltaCheck {
  #watched: Watched | undefined;

  /** A delta of this version is known to lack changes. */
  oldVersion(server: string): number | undefined {
    return this.#watched?.server === server && this.#watched.isOld ? this.#watched.version : undefined;
  }

  /** A delta came that agrees with what we hold. True: its twin is to be read. The first time is when it comes a second time. */
  isDue(server: string, version: number | undefined, now: number): boolean {
    if (version === undefined) return false;
    const watched = this.#watched;
    if (watched?.server === server && watched.version === version) return now >= watched.dueAt;
    this.#watched = { server, version, dueAt: now, doubts: 0, isOld: false };
    return false;
  }

  /** The twin was read, or could not be (`true`: no doubt). @returns true when everything is to be read again */
  took(agrees: boolean, now: number): boolean {
    if (this.#watched === undefined) return false;
    const doubts = agrees ? 0 : this.#watched.doubts + 1;
    this.#watched = { ...this.#watched, doubts, dueAt: agrees ? now + CHECK_EVERY_MS : now };
    return doubts >= ENOUGH_DOUBTS;
  }

  /** Everything was read. @param agrees with the twin; false where it comes from an older cache itself */
  tookAll(agrees: boolean, now: number): void {
    if (this.#watched === undefined || this.#watched.doubts < ENOUGH_DOUBTS) return;
    const isOld = agrees || this.#watched.isOld;
    this.#watched = { ...this.#watched, doubts: 0, dueAt: now + CHECK_EVERY_MS, isOld };
  }
}
