import { atOnce, runInSlices } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import type { IstioFile } from '../load/parse-istio-yaml.ts';
import type { ObjectChange } from '../scope/proxy-scopes.ts';
import { duplicateDiagnostic, partDiagnostics, renewedPart } from './claims.ts';
import type { Part } from './claims.ts';

/** Objects in all; far above any mesh, far below what memory has. */
const MOST_OBJECTS = 100_000;
/** Places that are taken in one turn, in about a millisecond. */
const FEW = 50;

/**
 * Istio's objects in force. Each place that has some (a file, an object in Kubernetes) is told by itself, and changes only what it has: a bad
 * object keeps its last good version, a place that cannot be read keeps all of them, and of two that have the same object the
 * one whose name comes first counts. The same contents give the same objects, in whatever order they came.
 */
export class IstioConfigStore {
  readonly #most: number;
  readonly #parts = new Map<string, Part>();
  /** Who has an object, by `istioKey`. */
  readonly #claims = new Map<string, Map<string, IstioObject>>();
  readonly #inForce = new Map<string, IstioObject>();
  readonly #listeners = new Set<(changes: readonly ObjectChange[]) => void>();
  readonly #duplicates = new Map<string, readonly Diagnostic[]>();
  readonly #own: Diagnostic[] = [];
  /** Keys beyond the most. */
  readonly #leftOut = new Set<string>();
  /** Until what it is given in slices is told; what comes meanwhile waits. */
  #busy: Promise<void> | undefined;

  /** @param most objects in force; those beyond are left out, and said */
  constructor(most = MOST_OBJECTS) {
    this.#most = most;
  }

  /** All objects in force; those of one kind where it is given. */
  *objects<K extends IstioKind>(kind?: K): Generator<IstioObject<K>> {
    for (const object of this.#inForce.values()) if (kind === undefined || object.kind === kind) yield object as IstioObject<K>;
  }

  /** @param key see `istioKey` */
  get(key: string): IstioObject | undefined {
    return this.#inForce.get(key);
  }

  /** Called after each change, with what changed; never for the same content. Must not throw. */
  onChange(listener: (changes: readonly ObjectChange[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What a place says now; undefined: it is gone, and all that it had. */
  set(place: string, file: IstioFile | undefined): void {
    void this.setAll([[place, file]]);
  }

  /**
   * Several, told as one change: a few at once, more in slices, and in the order of the calls. Resolves when they are told.
   * Never rejects.
   */
  setAll(files: Iterable<readonly [place: string, file: IstioFile | undefined]>): Promise<void> {
    const said = new Map(files);
    return this.setEach([...said.keys()], (place) => said.get(place));
  }

  /**
   * As `setAll`, where what a place says is made when it is its turn: many are not made in one turn, and none is older than what counts
   * by then. `make` must not throw, nor call the store.
   */
  setEach(places: readonly string[], make: (place: string) => IstioFile | undefined): Promise<void> {
    if (this.#busy === undefined && places.length <= FEW) return Promise.resolve(atOnce(this.#take(places, make)));
    const before = this.#busy ?? Promise.resolve();
    const busy = before.then(() => runInSlices(this.#take(places, make)));
    this.#busy = busy;
    return busy.then(() => {
      if (this.#busy === busy) this.#busy = undefined;
    });
  }

  /** Resolves when all that it was given so far counts and was told. */
  get settled(): Promise<void> {
    return this.#busy ?? Promise.resolve();
  }

  *#take(places: readonly string[], make: (place: string) => IstioFile | undefined): Generator<void> {
    const dirty = new Set<string>();
    for (const place of places) {
      this.#put(place, make(place), dirty);
      yield;
    }
    const changes: ObjectChange[] = [];
    for (const key of [...dirty].sort()) {
      const change = this.#settle(key);
      if (change !== undefined) changes.push(change);
      yield;
    }
    if (changes.length > 0) for (const listener of this.#listeners) listener(changes);
  }

  /** What is wrong with places as such: a directory that is not there, an API server that is not reached. */
  setOwnDiagnostics(diagnostics: readonly Diagnostic[]): void {
    this.#own.splice(0, this.#own.length, ...diagnostics);
  }

  /** All that is wrong, by place; of one kind where it is given: with what may hide objects of it, as a file that is no YAML does. */
  *diagnostics(kind?: IstioKind): Generator<Diagnostic> {
    yield* this.#own;
    if (this.#leftOut.size > 0) yield full(this.#leftOut.size);
    for (const place of [...this.#parts.keys()].sort()) yield* partDiagnostics(this.#parts.get(place) as Part, kind);
    for (const key of [...this.#duplicates.keys()].sort())
      if (kind === undefined || key.startsWith(`${kind}/`)) yield* this.#duplicates.get(key) ?? [];
  }

  #put(place: string, file: IstioFile | undefined, dirty: Set<string>): void {
    const before = this.#parts.get(place);
    const after = file === undefined ? undefined : renewedPart(before, file);
    if (after === undefined) this.#parts.delete(place);
    else this.#parts.set(place, after);
    for (const key of before?.objects.keys() ?? [])
      if (after?.objects.has(key) !== true) this.#claim(key, place, undefined, dirty);
    for (const [key, object] of after?.objects ?? [])
      if (before?.objects.get(key) !== object) this.#claim(key, place, object, dirty);
  }

  #claim(key: string, place: string, object: IstioObject | undefined, dirty: Set<string>): void {
    const claims = this.#claims.get(key) ?? new Map<string, IstioObject>();
    this.#claims.set(key, claims);
    if (object === undefined) claims.delete(place);
    else claims.set(place, object);
    if (claims.size === 0) this.#claims.delete(key);
    dirty.add(key);
  }

  #settle(key: string): ObjectChange | undefined {
    const claims = [...(this.#claims.get(key) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
    const [first, ...others] = claims;
    if (first === undefined || others.length === 0) this.#duplicates.delete(key);
    else
      this.#duplicates.set(
        key,
        others.map((object) => duplicateDiagnostic(object, first)),
      );
    const before = this.#inForce.get(key);
    const after = before === undefined && this.#inForce.size >= this.#most ? undefined : first;
    if (after === first) this.#leftOut.delete(key);
    else this.#leftOut.add(key);
    if (after === undefined) this.#inForce.delete(key);
    else this.#inForce.set(key, after);
    return before?.version === after?.version ? undefined : { before, after };
  }
}

function full(leftOut: number): Diagnostic {
  return {
    code: 'istio.invalid',
    severity: 'error',
    where: 'istio',
    what: `there are ${leftOut} objects more than the bridge takes`,
    meaning: 'they have no effect until they change and there is room',
    remedy: 'remove some; generated rules can often be one rule with more matches',
  };
}
