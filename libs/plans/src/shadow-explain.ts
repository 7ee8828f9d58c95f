import type { ViewDifference } from './shadow.ts';

/** Why two views differ. docs/agent-shadow.md has a row for each. */
export type DivergenceCode =
  | 'stale-in-registry'
  | 'failed-check'
  | 'disabled'
  | 'unhealthy'
  | 'filtered'
  | 'changed-by-config'
  | 'old-registration'
  | 'registry-not-followed'
  | 'held'
  | 'admitted'
  | 'other-origin'
  | 'not-yet-in-mesh'
  | 'sdk-behind'
  | 'client-bug'
  | 'unexplained';

/** Why a removal waits. */
const WAITS = {
  mass: 'it would go with too many others',
  outage: 'its registry was away just before',
  flap: 'it comes and goes',
} as const;

/** What the bridge knows of one place of a target: the catalog, liveness and the ledger. */
export interface PlaceKnowledge {
  /** Ids of the services whose registry lists it, `shop/public/DEFAULT_GROUP/orders`; empty: none does. */
  readonly listedBy: readonly string[];
  /** What rules made of it where that is not what the registry says. */
  readonly changed?: {
    readonly rule: string;
    readonly registry: Readonly<Partial<Record<'weight' | 'zone' | 'protocol', string>>>;
  };
  /** Why it is listed and gets no traffic from the mesh. */
  readonly leftOut?: {
    readonly why: 'stale-in-registry' | 'failed-check' | 'disabled' | 'unhealthy' | 'filtered' | 'old-registration';
    readonly reason: string;
  };
  /** Why it is published although its registry no longer lists it, or calls it unhealthy (`listed`). */
  readonly retained?: { readonly why: keyof typeof WAITS; readonly listed?: true; readonly forMs: number };
  /** A Ready Pod that its registry does not list yet. */
  readonly admitted?: boolean;
  /** One of its registries is not followed at the moment. */
  readonly notFollowed?: string;
  /** What the registry itself says, where it lists it: as `ViewDifference` describes it. */
  readonly registry?: Readonly<Partial<Record<'health' | 'weight' | 'zone' | 'protocol', string>>>;
  /** None of the services that list it is one that this SDK asks for. */
  readonly foreign?: boolean;
  /** When it was last part of the mesh's view, ms since the epoch; absent: never that anybody remembers. */
  readonly leftMeshAt?: number;
}

export interface Divergence extends ViewDifference {
  readonly code: DivergenceCode;
  readonly explanation: string;
}

/**
 * The first cause that fits, from the surest down: what the bridge did itself, what it cannot know, what the registry says,
 * and only then the SDK. @param bugs codes of client bugs that the process reported for the target
 */
export function explainDifference(difference: ViewDifference, known: PlaceKnowledge, bugs: readonly string[] = []): Divergence {
  const said = (code: DivergenceCode, explanation: string): Divergence => ({ ...difference, code, explanation });
  const inMesh = difference.kind !== 'only-sdk' && difference.mesh !== 'unhealthy' && difference.mesh !== 'weight 0';
  if (!inMesh && known.leftOut !== undefined) {
    const { why, reason } = known.leftOut;
    if (bugs.length === 0 || isOwnDoing(why)) return said(why, `the mesh leaves it out: ${reason}; the SDK still calls it`);
    return said('client-bug', `${reason}, and the SDK still calls it; its client has a known bug: ${bugs.join(', ')}`);
  }
  if (known.notFollowed !== undefined)
    return said('registry-not-followed', `the bridge does not follow ${known.notFollowed} and keeps what it knew last`);
  if (known.retained?.listed === true && inMesh)
    return said('held', 'its registry calls too many unhealthy at once, so the mesh waits; the SDK has left it out');
  if (known.retained !== undefined && inMesh)
    return said('held', `${WAITS[known.retained.why]}, so its removal waits; the SDK has dropped it`); // prettier-ignore
  if (known.admitted === true && inMesh) return said('admitted', 'a Ready Pod that the registry does not list yet; the SDK will see it with its registration'); // prettier-ignore
  if (known.foreign === true && inMesh)
    return said('other-origin', `it comes from ${known.listedBy.join(', ')}, which this SDK does not ask for`);
  const field = difference.kind;
  if (field === 'weight' || field === 'zone' || field === 'protocol') {
    if (known.changed?.registry[field] !== undefined)
      return said('changed-by-config', `${known.changed.rule}: the registry says ${known.changed.registry[field]}`);
  }
  return bySdk(difference, known, bugs, said);
}

function bySdk(
  difference: ViewDifference,
  known: PlaceKnowledge,
  bugs: readonly string[],
  said: (code: DivergenceCode, explanation: string) => Divergence,
): Divergence {
  if (difference.kind === 'only-sdk' && known.listedBy.length === 0 && known.leftMeshAt === undefined)
    return said('not-yet-in-mesh', 'the SDK has an instance that the bridge has not heard of: it is new, or in a namespace, group or cluster that the bridge does not read'); // prettier-ignore
  const what = sdkLags(difference, known);
  if (what === undefined) return said('unexplained', 'registry, SDK and mesh each say something else; isthmus explain has what the bridge knows'); // prettier-ignore
  if (bugs.length > 0) return said('client-bug', `${what}; its client has a known bug: ${bugs.join(', ')}`);
  return said('sdk-behind', what);
}

/** What the SDK should have followed, where mesh and registry agree. */
function sdkLags({ kind, sdk }: ViewDifference, known: PlaceKnowledge): string | undefined {
  switch (kind) {
    case 'only-sdk':
      return known.listedBy.length > 0 ? undefined : 'the registry no longer lists it, the SDK still calls it';
    case 'only-mesh':
      return known.listedBy.length > 0 ? 'the registry lists it, the SDK does not have it' : undefined;
    case 'health':
      return known.registry?.health !== undefined && known.registry.health !== sdk
        ? `the registry says ${known.registry.health}, the SDK ${sdk ?? 'nothing'}`
        : undefined;
    case 'weight':
    case 'zone':
    case 'protocol':
      return known.registry?.[kind] !== undefined && known.registry[kind] !== sdk
        ? `the registry says ${known.registry[kind]}, the SDK ${sdk ?? 'nothing'}`
        : undefined;
    default:
      return kind satisfies never;
  }
}

/** Left out by the bridge's own judgement or its config, so that the SDK cannot know; the others the registry says itself. */
function isOwnDoing(why: NonNullable<PlaceKnowledge['leftOut']>['why']): boolean {
  return why === 'stale-in-registry' || why === 'failed-check' || why === 'filtered' || why === 'old-registration';
}
