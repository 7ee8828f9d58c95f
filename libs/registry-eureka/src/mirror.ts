import type { Diagnostic, ServiceRecord } from '@isthmus/model';
import type { AnswerHead } from './answer-scanner.ts';
import type { Application, ApplicationReader } from './application.ts';
import type { HeldInstance } from './instance.ts';
import { StatusCounts } from './status-counts.ts';

type Instances = Map<string, HeldInstance>;

/** Exactly what one server said last. Knows nothing of trust, grace or outages (that is `scope-view.ts`). */
export interface Mirror {
  /** By lower-case name; never an application without instances. */
  readonly applications: Map<string, Instances>;
  readonly counts: StatusCounts;
  /** Instances that the server counts and that could not be read here; keeps the hash comparable. */
  readonly unread: StatusCounts;
  /** What was wrong with an application when it was last read. */
  readonly problems: Map<string, Diagnostic>;
  /** Applications of which nothing could be read; what is in `applications` of them is from before. */
  readonly unreadable: Set<string>;
}

export function emptyMirror(): Mirror {
  return {
    applications: new Map(),
    counts: new StatusCounts(),
    unread: new StatusCounts(),
    problems: new Map(),
    unreadable: new Set(),
  };
}

/** True when the mirror has as many instances in each status as the server; false when a change was missed. */
export function matchesHash(mirror: Mirror, hash: string): boolean {
  return mirror.counts.plus(mirror.unread).hash() === StatusCounts.parse(hash).hash();
}

/** Collects a whole list beside the mirror, so that an answer that breaks off changes nothing (slime#389). */
export class FullRead {
  readonly #reader: ApplicationReader;
  readonly #old: Mirror;
  readonly #next = emptyMirror();

  constructor(reader: ApplicationReader, old: Mirror) {
    this.#reader = reader;
    this.#old = old;
  }

  /** True when nobody but Eureka servers is registered: what one knows that has just started. */
  get isEmpty(): boolean {
    return this.#next.problems.size === 0 && [...this.#next.applications.keys()].every((name) => name === 'eureka');
  }

  /** The record, when it differs from the mirror's. */
  add(application: Application): ServiceRecord | undefined {
    const { name, instances, readable, problem } = application;
    const old = this.#old.applications.get(name);
    if (problem !== undefined) this.#next.problems.set(name, problem);
    if (!readable) {
      this.#next.unreadable.add(name);
      if (old !== undefined && !this.#next.applications.has(name)) this.#next.applications.set(name, old);
    }
    if (instances.length === 0) return undefined;
    // Two entries whose names differ in case only are one application.
    const all: Instances = new Map(this.#next.applications.get(name));
    for (const instance of instances) all.set(instance.id, instance);
    this.#next.applications.set(name, all);
    return sameTexts(old, all) ? undefined : this.#reader.record(name, all.values());
  }

  /** The mirror of the list, and the names that were in the old one only. */
  finish(head: AnswerHead): { readonly mirror: Mirror; readonly removed: readonly string[] } {
    const { applications, counts } = this.#next;
    for (const instances of applications.values()) for (const { status } of instances.values()) counts.add(status, 1);
    const removed = [...this.#old.applications.keys()].filter((name) => !applications.has(name));
    return { mirror: { ...this.#next, unread: counts.missingFrom(head.hash) }, removed };
  }
}

/** Collects changes. A delta repeats everything that changed within three minutes, so most of it is known. */
export class DeltaRead {
  readonly #mirror: Mirror;
  readonly #changes = new Map<string, { readonly name: string; readonly instance: HeldInstance }>();
  readonly #problems = new Map<string, Diagnostic>();
  readonly #unreadable: string[] = [];

  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  add({ name, instances, readable, problem }: Application): void {
    if (!readable) this.#unreadable.push(name);
    if (problem !== undefined) this.#problems.set(name, problem);
    const known = this.#mirror.applications.get(name);
    for (const instance of instances) {
      const at = `${name} ${instance.id}`;
      const old = this.#changes.get(at)?.instance ?? known?.get(instance.id);
      if (isNews(old, instance)) this.#changes.set(at, { name, instance });
    }
  }

  /** Changes the mirror. @returns the names whose instances differ in what is mapped. */
  apply(): ReadonlySet<string> {
    const dirty = new Set<string>();
    for (const { name, instance } of this.#changes.values()) {
      const old = this.#mirror.applications.get(name)?.get(instance.id);
      if (instance.action === 'DELETED' ? old !== undefined : old?.text !== instance.text) dirty.add(name);
      change(this.#mirror, name, instance, old);
    }
    // A problem is taken back by a full read only: a delta does not say that an instance can be read now. (The hash
    // stops matching then, since the instance is counted twice, and that leads to a full read.)
    for (const [name, problem] of this.#problems) this.#mirror.problems.set(name, problem);
    for (const name of this.#unreadable) this.#mirror.unreadable.add(name);
    return dirty;
  }
}

/** The list may be newer than a delta that the server cached: an older state must not come back for one poll. */
function isNews(old: HeldInstance | undefined, next: HeldInstance): boolean {
  if (old === undefined) return next.action !== 'DELETED';
  if (next.updated < old.updated) return false;
  return next.action === 'DELETED' || next.status !== old.status || next.text !== old.text;
}

function change(mirror: Mirror, name: string, next: HeldInstance, old: HeldInstance | undefined): void {
  let instances = mirror.applications.get(name);
  if (old !== undefined) mirror.counts.add(old.status, -1);
  if (next.action === 'DELETED') {
    instances?.delete(next.id);
    if (instances?.size === 0) mirror.applications.delete(name);
    return;
  }
  if (instances === undefined) mirror.applications.set(name, (instances = new Map()));
  instances.set(next.id, next);
  mirror.counts.add(next.status, 1);
}

function sameTexts(a: Instances | undefined, b: Instances): boolean {
  if (a?.size !== b.size) return false;
  for (const [id, instance] of b) if (a.get(id)?.text !== instance.text) return false;
  return true;
}
