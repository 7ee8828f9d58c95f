import { endpointKey, serviceId } from '@isthmus/model';
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
 * Also once more those that were named before and are not published since: who misses a write reads only the next one, and would
 * keep them.
 */
export function nameLetGo(ledger: Ledger, { key, endpoints }: ServiceRecord, value: LetGo): void {
  const id = `${MARK}${serviceId(key)}`;
  const published = new Set(endpoints.map(endpointKey));
  const said = (ledger.get('held', id) as LetGo | undefined)?.endpoints ?? [];
  const earlier = said.filter((one) => !published.has(one)).slice(-MOST_EARLIER);
  ledger.put('held', id, { ...value, endpoints: [...earlier, ...value.endpoints] });
}

/** The service that an entry of `held` is about; undefined: a scope. */
export function letGoService(key: string): ServiceId | undefined {
  return key.startsWith(MARK) ? (key.slice(MARK.length) as ServiceId) : undefined;
}
