import type { Endpoint, Locality, MeshService } from '@isthmus/model';
import { compareText } from './ordered.ts';
import { servingEndpoints } from './serving-endpoints.ts';
import { fittingWeights, meshWeight } from './weights.ts';

/** What one service port's traffic goes to, before it is encoded; everything in it is sorted. */
export interface LoadAssignment {
  readonly localities: readonly LocalityGroup[];
}

interface LocalityGroup {
  readonly locality: Locality;
  /** Sum of its members' weights. */
  readonly weight: number;
  readonly members: readonly Member[];
}

interface Member {
  readonly endpoint: Endpoint;
  readonly weight: number;
}

/** The serving endpoints by locality. */
export function loadAssignment(service: MeshService, portName: string): LoadAssignment {
  const endpoints = servingEndpoints(service, portName);
  const weights = fittingWeights(endpoints.map((endpoint) => meshWeight(endpoint.weight)));

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
