import { randomBytes } from 'node:crypto';
import type { AgentTarget, WithdrawnRegistrations } from '@isthmus/contract';
import { rankOf } from '@isthmus/ladder';
import type { PlanBook, TargetId } from '@isthmus/plans';
import { EventRing, encodeEvent } from './event-ring.ts';
import { PlanVersion } from './plan-version.ts';
import type { FeedUser, TargetFeed, TargetFeeds } from './target-feeds.ts';

export interface ChannelOptions {
  readonly service: string;
  readonly book: PlanBook;
  readonly feeds: TargetFeeds;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** To all streams of the service. */
  readonly send: (bytes: Buffer) => void;
}

interface Told {
  readonly target: AgentTarget;
  readonly id: TargetId;
  readonly json: string;
}

/**
 * What the agents of one service are told: its targets, and the mesh's views where their rungs need them. Everything is encoded once
 * and the bytes are shared by its streams.
 */
export class ConsumerChannel implements FeedUser {
  readonly #options: ChannelOptions;
  readonly #targets = new Map<string, Told>();
  readonly #version = new PlanVersion();
  readonly #ring = new EventRing(randomBytes(6).toString('hex'));
  #snapshot: Buffer | undefined;
  #changedAt: number;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#changedAt = options.now();
    for (const target of options.book.targetsFor(options.service)) this.#put(target);
  }

  get version(): string {
    return this.#version.text;
  }

  /** When `version` became what it is. */
  get changedAt(): number {
    return this.#changedAt;
  }

  target(id: TargetId): AgentTarget | undefined {
    return this.#targets.get(keyOf(id))?.target;
  }

  /** What a stream begins with. @param lastId `Last-Event-ID`, or nothing */
  opening(lastId: string | undefined): readonly Buffer[] {
    const missed = lastId === undefined || lastId === '' ? undefined : this.#ring.after(lastId);
    return missed ?? [(this.#snapshot ??= this.#encodeAll())];
  }

  /** The book says something else of one target, or may. */
  planChanged(id: TargetId): void {
    const key = keyOf(id);
    const before = this.#targets.get(key);
    const target = this.#options.book.targetFor(this.#options.service, id);
    if (target === undefined) {
      if (before === undefined) return;
      this.#drop(key, before);
      this.#tell('gone', JSON.stringify({ version: this.version, ...before.id }), true);
      return;
    }
    const feedBefore = before === undefined ? undefined : needOf(before.target);
    const told = this.#put(target);
    if (told === undefined) return;
    this.#tell('target', `{"version":"${this.version}","target":${told.json}}`, true);
    if (needOf(target) !== feedBefore) this.#tellFeed(told);
  }

  /** The mesh's view of a target is another. */
  viewChanged(feed: TargetFeed): void {
    const told = this.#targets.get(keyOf(feed.target));
    if (told !== undefined) this.#tellFeed(told);
  }

  /** What its processes keep out of their registries is another. */
  withdrawnChanged(): void {
    this.#tell('registrations', this.#withdrawnJson, false);
  }

  close(): void {
    for (const { id } of this.#targets.values()) this.#options.feeds.letGo(id, this);
    this.#targets.clear();
  }

  /** @returns undefined where nothing is another */
  #put(target: AgentTarget): Told | undefined {
    const id = { host: target.host, port: target.port ?? 80 };
    const key = keyOf(id);
    const json = JSON.stringify(target);
    const before = this.#targets.get(key);
    if (before?.json === json) return undefined;
    const told = { target, id, json };
    if (before !== undefined) this.#version.remove(before.json);
    this.#targets.set(key, told);
    this.#version.add(json);
    if (needOf(target) !== undefined) this.#options.feeds.use(id, this);
    else this.#options.feeds.letGo(id, this);
    return told;
  }

  #drop(key: string, { json, id }: Told): void {
    this.#version.remove(json);
    this.#targets.delete(key);
    this.#options.feeds.letGo(id, this);
  }

  #tellFeed({ target, id }: Told): void {
    const feed = this.#options.feeds.of(id);
    const need = needOf(target);
    if (feed === undefined || need === undefined) return;
    this.#tell(need, need === 'endpoints' ? feed.endpointsJson : feed.viewJson, false);
  }

  #tell(event: string, json: string, isPlan: boolean): void {
    if (isPlan) this.#changedAt = this.#options.now();
    this.#snapshot = undefined;
    this.#options.send(this.#ring.add(event, json));
  }

  get #withdrawnJson(): string {
    const { book, service } = this.#options;
    const listed = book.stillListedOf(service);
    const withdrawn = { withdrawn: book.withdrawnOf(service), ...(listed.length === 0 ? {} : { listed }) };
    return JSON.stringify(withdrawn satisfies WithdrawnRegistrations);
  }

  /** The last of it has the id: who lost the connection before that begins anew. */
  #encodeAll(): Buffer {
    const all = [...this.#targets.values()];
    const events = all.flatMap(({ target, id }): (readonly [string, string])[] => {
      const need = needOf(target);
      const feed = need === undefined ? undefined : this.#options.feeds.of(id);
      if (need === undefined || feed === undefined) return [];
      return [[need, need === 'endpoints' ? feed.endpointsJson : feed.viewJson]];
    });
    const plan = `{"schema":1,"version":"${this.version}","targets":[${all.map(({ json }) => json).join(',')}]}`;
    const told = [['plan', plan] as const, ['registrations', this.#withdrawnJson] as const, ...events];
    return Buffer.concat(
      told.map(([event, json], at) => encodeEvent(event, json, at === told.length - 1 ? this.#ring.id : undefined)),
    );
  }
}

/** What agents are told of the mesh's view at a rung. */
function needOf({ rung }: AgentTarget): 'endpoints' | 'view' | undefined {
  if (rankOf(rung) >= rankOf('discovery')) return 'endpoints';
  return rung === 'shadow' ? 'view' : undefined;
}

export function keyOf({ host, port }: TargetId): string {
  return `${host}:${port}`;
}
