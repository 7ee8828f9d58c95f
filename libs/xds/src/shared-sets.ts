/** Shorter ones cost less than looking for them. */
const LEAST_NAMES = 32;
const MOST_RECENT = 8;

interface Shared {
  readonly names: ReadonlySet<string>;
  /**
   * Of each name, the last list in which it was seen: a list with a name twice is not the set that it looks like. From the
   * first comparison on: with 10,000 names it is half of what the set costs, and most lists are nobody else's.
   */
  seen: Map<string, number> | undefined;
}

const recent: WeakRef<Shared>[] = [];
/** Keeps what is found as long as somebody uses the set. */
const owners = new WeakMap<ReadonlySet<string>, Shared>();
let lists = 0;

/**
 * The set of these names, the same object for clients that ask for the same ones, in whatever order: a thousand sets of a
 * thousand names are 20 MB, and the garbage of as many more.
 * @returns not to be changed
 */
export function sharedSet(list: readonly string[]): ReadonlySet<string> {
  if (list.length < LEAST_NAMES) return new Set(list);
  lists += 1;
  const stamp = lists;
  for (const ref of recent) {
    const shared = ref.deref();
    if (shared !== undefined && shared.names.size === list.length && isSame(list, shared, stamp)) return shared.names;
  }
  const names = new Set(list);
  const shared: Shared = { names, seen: undefined };
  owners.set(names, shared);
  recent.unshift(new WeakRef(shared));
  if (recent.length > MOST_RECENT) recent.pop();
  return names;
}

function isSame(list: readonly string[], shared: Shared, stamp: number): boolean {
  const { names } = shared;
  const seen = (shared.seen ??= new Map());
  for (const name of list) {
    if (!names.has(name) || seen.get(name) === stamp) return false;
    seen.set(name, stamp);
  }
  return true;
}
