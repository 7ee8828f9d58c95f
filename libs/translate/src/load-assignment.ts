import type { Endpoint, Locality, MeshService } from '@isthmus/model';
import { compareText } from './ordered.ts';
import { fittingWeights, meshWeight } from './weights.ts';

/** What one service port's traffic goes to, before it is encoded; everything in it is sorted. */
export interface LoadAssignment {
  readonly localities: readonly LocalityGroup[];
}

export interface LocalityGroup {
  readonly locality: Locality;
  /** Sum of its members' weights, unless a rule distributes traffic over localities. */
  readonly weight: number;
  readonly members: readonly Member[];
  /** 0 goes first; without gaps over the groups of an assignment. Left out: 0. */
  readonly priority?: number;
}

export interface Member {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

/** The given endpoints of a service, in their order, by locality. */
export function byLocality(service: MeshService, endpoints: readonly Endpoint[]): LoadAssignment {
  const weights = fittingWeights(ownWeights(service, endpoints));

  const groups = new Map<string, { locality: Locality; weight: number; members: Member[] }>();
  endpoints.forEach((endpoint, i) => {
    const weight = weights[i] as number;
    const { region, zone, subzone } = endpoint.locality;
    const key = region === '' && zone === '' && subzone === '' ? '' : `${region}\u0000${zone}\u0000${subzone}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { locality: endpoint.locality, weight, members: [{ endpoint, weight }] });
    else {
      group.weight += weight;
      group.members.push({ endpoint, weight });
    }
  });
  const localities = [...groups].sort(([a], [b]) => compareText(a, b)).map(([, group]) => group);
  return { localities };
}

/** A ServiceEntry's weights are whole numbers and go out as they are; a registry's fractions do not. */
function ownWeights({ declared }: MeshService, endpoints: readonly Endpoint[]): readonly number[] {
  const weights = endpoints.map(({ weight }) => weight);
  return declared !== undefined && weights.every(Number.isInteger) ? weights : weights.map(meshWeight);
}
