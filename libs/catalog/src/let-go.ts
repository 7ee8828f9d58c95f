import { endpointKey, serviceId, takesTraffic } from '@isthmus/model';
import type { Ledger, LetGo, ServiceId, ServiceRecord } from '@isthmus/model';

/**
 * Several replicas let go as one what is held: the leader names the endpoints in the ledger, and whoever reads that, the leader
 * too, drops them. That the leader holds nothing any more names none: they may have come back to it alone.
 *
 * In the table `held`, beside the scopes, for a replica of an earlier version fails at a table that it does not know.
 */
const MARK = '/';

/** Of earlier ones of a service, that many are said on. */
const MOST_EARLIER = 1_000;

/**
 * Also once more those that were named before and have not come back: who misses a write reads only the next one, and would
 * keep them.
 */
export function nameLetGo(ledger: Ledger, { key, endpoints }: ServiceRecord, named: LetGo['endpoints']): void {
  const id = serviceId(key);
  const back = new Set(endpoints.filter(takesTraffic).map(endpointKey)); // what is unhealthy was let go as well
  const earlier = letGoOf(ledger, id).filter(([one]) => !back.has(one));
  ledger.put('held', `${MARK}${id}`, { endpoints: [...earlier.slice(-MOST_EARLIER), ...named] } satisfies LetGo);
}

/** What the leader let go of a service. What another version wrote there, without the times, names none. */
export function letGoOf(ledger: Ledger, id: ServiceId): LetGo['endpoints'] {
  const said = ledger.get('held', `${MARK}${id}`) as { readonly endpoints?: unknown } | null | undefined;
  return Array.isArray(said?.endpoints) ? said.endpoints.filter(isNamed) : [];
}

function isNamed(one: unknown): one is LetGo['endpoints'][number] {
  return Array.isArray(one) && typeof one[0] === 'string' && typeof one[1] === 'number';
}

/** The service that an entry of `held` is about; undefined: a scope. */
export function letGoService(key: string): ServiceId | undefined {
  return key.startsWith(MARK) ? (key.slice(MARK.length) as ServiceId) : undefined;
}
