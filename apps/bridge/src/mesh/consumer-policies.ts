import { handOverOf } from '@isthmus/ladder';
import type { HandOver, Position } from '@isthmus/ladder';
import type { MeshHost } from '@isthmus/model';
import type { CallersEntry } from '@isthmus/translate';

/** Where consumers of a target are: services by name as their proxies and agents call themselves, or `*` for all. */
export interface ConsumerPosition {
  readonly consumers: readonly string[];
  readonly target: { readonly host: string; readonly port: number };
  /** Undefined: no plan says anything of them any more. */
  readonly position: Position | undefined;
}

interface Entry {
  readonly consumers: readonly string[];
  readonly over: HandOver | undefined;
}

/** A class of proxies that plans do not tell apart: the plans that name them, by key. */
type PlanClass = ReadonlySet<string>;

const NOBODY: PlanClass = new Set();
const EVERYBODY = '*';

/**
 * What plans leave to the processes of each consumer. A step of a plan changes its target's entry and nothing else; only a plan that
 * names consumers, when it comes or goes, makes proxies fall into other classes.
 */
export class ConsumerPolicies {
  /** By `host:port`, then by the plan's consumers. */
  readonly #byTarget = new Map<string, Map<string, Entry>>();
  /** By consumer: the keys of the plans that name it. */
  readonly #named = new Map<string, Set<string>>();
  /** By the text that a proxy's class is told apart by. */
  readonly #classes = new Map<string, PlanClass>();
  /** Ports with an entry, by host. */
  readonly #ports = new Map<string, Set<number>>();

  /** @returns whether proxies may fall into other classes */
  set({ consumers, target, position }: ConsumerPosition): { readonly regroups: boolean } {
    const place = placeOf(target.host, target.port);
    const who = [...consumers].sort().join(' ');
    const entries = this.#byTarget.get(place) ?? new Map<string, Entry>();
    const before = entries.get(who);
    const isNamed = !consumers.includes(EVERYBODY);
    const after = position && { consumers, over: handOverOf(position, isNamed) };
    if (JSON.stringify(before?.over) === JSON.stringify(after?.over) && (before === undefined) === (after === undefined))
      return { regroups: false };
    if (after === undefined) entries.delete(who);
    else entries.set(who, after);
    if (entries.size === 0) this.#byTarget.delete(place);
    else this.#byTarget.set(place, entries);
    this.#notePort(target.host, target.port, entries.size > 0);
    const regroups = isNamed && (before === undefined) !== (after === undefined);
    if (regroups) this.#name(consumers, `${place} ${who}`, after !== undefined);
    return { regroups };
  }

  /** What a class of proxies is told apart by; undefined: no plan names them. */
  classOf(consumer: string | undefined): string | undefined {
    const named = consumer === undefined ? undefined : this.#named.get(consumer);
    if (named === undefined) return undefined;
    const text = [...named].sort().join();
    if (!this.#classes.has(text)) this.#classes.set(text, new Set(named));
    return text;
  }

  /** @param of what `classOf` gave */
  handOver(of: string | undefined, host: string, port: number): HandOver | undefined {
    const place = placeOf(host, port);
    const entries = this.#byTarget.get(place);
    if (entries === undefined) return undefined;
    const names = of === undefined ? NOBODY : (this.#classes.get(of) ?? NOBODY);
    let forAll: Entry | undefined;
    let own: readonly [string, Entry] | undefined;
    for (const [who, entry] of entries) {
      if (entry.consumers.includes(EVERYBODY)) forAll = entry;
      // Two plans that name one consumer are refused where plans are read; here the answer is the same in any order.
      else if (names.has(`${place} ${who}`) && (own === undefined || who < own[0])) own = [who, entry];
    }
    return (own?.[1] ?? forAll)?.over;
  }

  /** Hosts with something left to somebody; there are as many as plans. */
  hosts(): Iterable<MeshHost> {
    return this.#ports.keys() as Iterable<MeshHost>;
  }

  /** No plan says anything of anyone. */
  get isEmpty(): boolean {
    return this.#byTarget.size === 0;
  }

  /** Of this host, by port and consumers: for objects that istiod reads. */
  entriesOf(host: string): readonly CallersEntry[] {
    return [...(this.#ports.get(host) ?? [])]
      .sort((a, b) => a - b)
      .flatMap((port) =>
        [...(this.#byTarget.get(placeOf(host, port)) ?? [])]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .flatMap(([, { consumers, over }]) => (over === undefined ? [] : [{ consumers, port, over }])),
      );
  }

  /** Whether something of any port of the host is left to this class. */
  leaves(of: string | undefined, host: string): boolean {
    for (const port of this.#ports.get(host) ?? []) if (this.handOver(of, host, port) !== undefined) return true;
    return false;
  }

  #notePort(host: string, port: number, isThere: boolean): void {
    const ports = this.#ports.get(host) ?? new Set<number>();
    if (isThere) this.#ports.set(host, ports.add(port));
    else if (ports.delete(port) && ports.size === 0) this.#ports.delete(host);
  }

  #name(consumers: readonly string[], key: string, isThere: boolean): void {
    for (const consumer of consumers) {
      const named = this.#named.get(consumer) ?? new Set<string>();
      if (isThere) this.#named.set(consumer, named.add(key));
      else if (named.delete(key) && named.size === 0) this.#named.delete(consumer);
    }
    if (!isThere) for (const [text, keys] of this.#classes) if (keys.has(key)) this.#classes.delete(text);
  }
}

function placeOf(host: string, port: number): string {
  return `${host}:${port}`;
}
