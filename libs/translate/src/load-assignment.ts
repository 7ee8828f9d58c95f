import { takesTraffic } from '@isthmus/model';
import type { Endpoint, Locality, MeshService } from '@isthmus/model';
import { compareText, ordered } from './ordered.ts';
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

/** Takes what may get requests (`takesTraffic`), once per address and port, grouped by locality. */
export function loadAssignment(service: MeshService, portName: string): LoadAssignment {
  const serving: Endpoint[] = [];
  for (const { endpoint, portName: name } of service.endpoints) {
    if (name === portName && takesTraffic(endpoint)) serving.push(endpoint);
  }
  const endpoints = once(ordered(serving, byContent));
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

/** The order of `endpointKey`. Two registries may list one address: which of them is taken must not depend on who came first. */
function byContent(a: Endpoint, b: Endpoint): number {
  if (a.address !== b.address) return compareText(a.address, b.address);
  if (a.port !== b.port) return compareText(`${a.port}`, `${b.port}`);
  return b.weight - a.weight || compareText(place(a), place(b));
}

function place({ locality: { region, zone, subzone } }: Endpoint): string {
  return `${region}\u0000${zone}\u0000${subzone}`;
}

function once(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const distinct = (endpoint: Endpoint, i: number) => {
    const before = endpoints[i - 1];
    return before === undefined || before.port !== endpoint.port || before.address !== endpoint.address;
  };
  return endpoints.every(distinct) ? endpoints : endpoints.filter(distinct);
}
