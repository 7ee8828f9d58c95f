import type { Resource } from '@isthmus/model';
import type { DueNames } from './due-names.ts';

export type Resources = ReadonlyMap<string, Resource>;

/** What differs between types and clients; see `StreamProfile`. */
export interface SubscriptionRules {
  /** A first request without names means "all" (the legacy wildcard). */
  readonly emptyIsWildcard: boolean;
  /** State of the world: every response lists all that the client is to have (LDS, CDS, MCP); a missing one is deleted. */
  readonly wholeType: boolean;
  /** Delta: what a returning client has and we do not is taken from it later, by `Subscription.drop` (CDS, EDS). */
  readonly keepsUnknown: boolean;
}

/** A subscription, as far as what to send next depends on it. */
export interface Wanted {
  readonly wildcard: boolean;
  readonly names: ReadonlySet<string>;
  readonly due: DueNames;
  /** Everything in the wildcard's scope is due, except what the client said to have in this version. */
  readonly everything: { readonly except: ReadonlyMap<string, string> } | undefined;
}

/** What there is: the view's resources of the type, and those that have left it but are not to be taken away yet. */
export interface Stock {
  readonly view: Resources;
  readonly retiring: Resources;
}

/** What to send now. */
export interface Push {
  /** The client gets a response even if there is nothing in it: it asked, or nothing is what there is now. */
  readonly answers: boolean;
  /** Without those of `everything`. */
  readonly resources: readonly Resource[];
  /** All that the view has of the type comes first; its encoding is shared by all clients of the view. */
  readonly everything: boolean;
  /** Delta: `removed_resources`. */
  readonly removed: readonly string[];
  /** Asked for, but unknown; in state of the world for partial types only, in delta these are in `removed` too. */
  readonly unknown: readonly string[];
  /** The resources of this push that the client may not have in this form yet. */
  readonly fresh: Iterable<Resource>;
}

export type Content = Omit<Push, 'answers'>;

const NOTHING: Content = { resources: [], everything: false, removed: [], unknown: [], fresh: [] };

/** @returns also what the client has from an earlier stream and neither the view nor `retiring` knows */
export function deltaContent(wanted: Wanted, stock: Stock): Content & { readonly strangers: readonly string[] } {
  const { view, retiring } = stock;
  const resources: Resource[] = [];
  const removed: string[] = [];
  const unknown: string[] = [];
  wanted.due.forEach((due, name) => {
    const resource = view.get(name) ?? retiring.get(name);
    if (resource !== undefined) resources.push(resource);
    else {
      removed.push(name);
      if (due === 'asked') unknown.push(name);
    }
  });
  if (wanted.everything === undefined) return { ...NOTHING, resources, removed, unknown, fresh: resources, strangers: [] };
  const { except } = wanted.everything;
  const isDue = (name: string): boolean => wanted.due.has(name);
  if (except.size === 0) {
    const others = [...retiring.values()];
    return { ...NOTHING, resources: others, everything: true, removed, unknown, fresh: bothOf(view, others), strangers: [] };
  }
  for (const all of [view, retiring]) {
    for (const resource of all.values()) {
      if (!isDue(resource.name) && except.get(resource.name) !== resource.version) resources.push(resource);
    }
  }
  const strangers = [...except.keys()].filter((name) => !view.has(name) && !retiring.has(name) && !isDue(name));
  return { ...NOTHING, resources, removed, unknown, fresh: resources, strangers };
}

export function sotwContent(wanted: Wanted, stock: Stock, rules: SubscriptionRules): Content {
  if (rules.wholeType) return wholeContent(wanted, stock);
  const { view, retiring } = stock;
  if (wanted.everything !== undefined) {
    const others = [...retiring.values()];
    return { ...NOTHING, resources: others, everything: true, fresh: bothOf(view, others) };
  }
  const resources: Resource[] = [];
  const unknown: string[] = [];
  wanted.due.forEach((due, name) => {
    const resource = view.get(name) ?? retiring.get(name);
    if (resource !== undefined) resources.push(resource);
    // A partial response can't say "gone"; the client drops what no cluster or listener names any more.
    else if (due === 'asked') unknown.push(name);
  });
  return { ...NOTHING, resources, unknown, fresh: resources };
}

function wholeContent(wanted: Wanted, { view, retiring }: Stock): Content {
  const found = (names: Iterable<string>): Resource[] => [...names].flatMap((name) => view.get(name) ?? retiring.get(name) ?? []);
  const fresh = wanted.everything === undefined ? found(wanted.due.keys()) : undefined;
  if (wanted.wildcard) {
    const others = [...retiring.values()];
    return { ...NOTHING, resources: others, everything: true, fresh: fresh ?? bothOf(view, others) };
  }
  const resources = found(wanted.names);
  return { ...NOTHING, resources, fresh: fresh ?? resources };
}

function bothOf(view: Resources, others: readonly Resource[]): Iterable<Resource> {
  return others.length === 0 ? view.values() : [...view.values(), ...others];
}
