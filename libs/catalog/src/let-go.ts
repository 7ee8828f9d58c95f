import type { Ledger, LetGo, ServiceId } from '@isthmus/model';

/**
 * Several replicas let go as one what is held: the leader names the endpoints in the ledger, and whoever reads that, the leader
 * too, drops them. That the leader holds nothing any more names none: they may have come back to it alone.
 *
 * In the table `held`, beside the scopes, for a replica of an earlier version fails at a table that it does not know.
 */
const MARK = '/';

export function nameLetGo(ledger: Ledger, id: ServiceId, value: LetGo): void {
  ledger.put('held', `${MARK}${id}`, value);
}

/** The service that an entry of `held` is about; undefined: a scope. */
export function letGoService(key: string): ServiceId | undefined {
  return key.startsWith(MARK) ? (key.slice(MARK.length) as ServiceId) : undefined;
}
