/** What the lab's services answer: the tree of calls that one request made. */

export const labPaths = ['sdk', 'mesh'] as const;
/** `sdk`: an address that the registry's own client found. `mesh`: the mesh host, by way of the Envoy beside the caller. */
export type LabPath = (typeof labPaths)[number];

export interface ReachedHop {
  readonly service: string;
  /** `address:port` of the instance that answered, as it says itself. */
  readonly instance: string;
  readonly version: string;
  readonly path: LabPath;
  /** Only where it is not HTTP. */
  readonly transport?: 'tcp';
  readonly calls: readonly Hop[];
}

export interface UnavailableHop {
  readonly service: string;
  readonly path: LabPath;
  /** The reason, for a human. */
  readonly unavailable: string;
  /** Nobody knows the service (yet). False: it is known and the call failed. */
  readonly pending: boolean;
}

export type Hop = ReachedHop | UnavailableHop;

/** `GET /checkout` on web; with `?path=` only one of the two trees. */
export interface CheckoutAnswer {
  readonly service: 'web';
  readonly instance: string;
  readonly version: string;
  readonly sdk?: Hop;
  readonly mesh?: Hop;
}

export function isReached(hop: Hop): hop is ReachedHop {
  return 'instance' in hop;
}

/** Every hop of a tree, callers before those they call. */
export function* walk(hop: Hop): Generator<Hop> {
  yield hop;
  if (isReached(hop)) for (const call of hop.calls) yield* walk(call);
}

/** Whether an answer from outside is a hop at all: through a proxy anything may come back. */
export function isHop(value: unknown): value is Hop {
  if (typeof value !== 'object' || value === null) return false;
  const { service, instance, version, calls, unavailable } = value as Record<string, unknown>;
  if (typeof service !== 'string') return false;
  if (typeof unavailable === 'string') return true;
  return typeof instance === 'string' && typeof version === 'string' && Array.isArray(calls) && calls.every(isHop);
}
