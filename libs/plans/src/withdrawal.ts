import { isSameSdkName } from '@isthmus/ladder';
import { serviceId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';
import type { ProviderWindow, TargetId } from './fleet-view.ts';

/** What went at `retired`, so that the way back knows what has to be there again. The ledger keeps it with the plan. */
export interface Withdrawal extends TargetId {
  /** None where SDKs have registered the target nowhere. */
  readonly registrations: readonly WithdrawnRegistration[];
}

export interface WithdrawnRegistration {
  readonly key: ServiceKey;
  /** `nacos/public/DEFAULT_GROUP/orders` */
  readonly sdkName: string;
  /** Instances that the registry listed before. */
  readonly instances: number;
}

/** A registration of the target's, as the registry and those who registered themselves see it now. */
export interface RegistrationNow {
  readonly key: ServiceKey;
  readonly sdkName: string;
  /** Instances that the registry lists; undefined: it cannot be read now. */
  readonly listed: number | undefined;
  /** Processes that registered themselves by their SDK, as their agents say. */
  readonly holders: readonly RegistrationHolder[];
}

export interface RegistrationHolder {
  /** `orders/1-abc` */
  readonly process: string;
  readonly connected: boolean;
  readonly registered: number;
  readonly withdrawn: number;
  /** Why its agent could not do what it was told. */
  readonly failed?: string;
}

/** Who holds a registration, of the processes of the service that it is named by. */
export function holdersOf(sdkName: string, service: string, providers: readonly ProviderWindow[]): readonly RegistrationHolder[] {
  return providers.flatMap(({ instance, connected, registrations = [] }) => {
    const own = registrations.filter((one) => isSameSdkName(one.sdkName, sdkName));
    if (own.length === 0) return [];
    const failed = own.find(({ why }) => why !== undefined)?.why;
    const count = (state: 'registered' | 'withdrawn') => own.filter((one) => one.state === state).length;
    const process = `${service}/${instance}`;
    return [{ process, connected, registered: count('registered'), withdrawn: count('withdrawn'), ...(failed === undefined ? {} : { failed }) }]; // prettier-ignore
  });
}

/** @returns undefined while one of its registries cannot be read: nobody would know when it is back */
export function withdrawalOf(target: TargetId, registrations: readonly RegistrationNow[]): Withdrawal | undefined {
  const kept: WithdrawnRegistration[] = [];
  for (const { key, sdkName, listed } of registrations) {
    if (listed === undefined) return undefined;
    kept.push({ key, sdkName, instances: listed });
  }
  return { host: target.host, port: target.port, registrations: kept };
}

/** What is still listed; empty: the registration is gone everywhere. */
export function stillListed(withdrawal: Withdrawal, now: readonly RegistrationNow[]): readonly string[] {
  return withdrawal.registrations.flatMap(({ key, sdkName }) => {
    const { listed, holders } = of(now, key);
    if (listed === 0) return [];
    if (listed === undefined) return [unreadable(key)];
    const held = holders.filter(({ registered }) => registered > 0);
    const isOut = held.length === 0 && holders.some(({ withdrawn }) => withdrawn > 0);
    const again = isOut ? ', which agents took out: they deregister it again' : '';
    return [`${key.source} still lists ${listed} of ${sdkName}${again}${because(held)}`];
  });
}

/** Of a plan that is over: what is listed again; a registry that cannot be read now says nothing of it. */
export function stillListedAfter(
  { withdrawal }: { readonly withdrawal?: Withdrawal | undefined },
  evidence: { readonly registrations: readonly RegistrationNow[] } | undefined,
): readonly string[] {
  const known = evidence?.registrations.filter(({ listed }) => listed !== undefined) ?? [];
  if (withdrawal === undefined) return [];
  const named = withdrawal.registrations.filter(({ key }) => known.some((one) => serviceId(one.key) === serviceId(key)));
  return stillListed({ ...withdrawal, registrations: named }, known);
}

/**
 * What is not there again; empty: SDKs find it as before.
 * @param ready instances that the mesh has from elsewhere: where there are fewer than before, so many are enough
 */
export function notYetBack(withdrawal: Withdrawal, now: readonly RegistrationNow[], ready: number): readonly string[] {
  return withdrawal.registrations.flatMap(({ key, sdkName, instances }) => {
    const { listed, holders } = of(now, key);
    if (listed === undefined) return [unreadable(key)];
    const wanted = Math.min(instances, Math.max(ready, 1));
    if (listed >= wanted) return [];
    const out = holders.filter(({ withdrawn }) => withdrawn > 0);
    return [`${key.source} lists ${listed} of ${wanted} of ${sdkName}${because(out)}`];
  });
}

const NOBODY: Pick<RegistrationNow, 'listed' | 'holders'> = { listed: undefined, holders: [] };

function of(now: readonly RegistrationNow[], key: ServiceKey): Pick<RegistrationNow, 'listed' | 'holders'> {
  return now.find((one) => serviceId(one.key) === serviceId(key)) ?? NOBODY;
}

function unreadable({ source }: ServiceKey): string {
  return `${source} cannot be read now`;
}

function because(holders: readonly RegistrationHolder[]): string {
  const away = holders.filter(({ connected }) => !connected).map(({ process }) => `${process} is not connected`);
  const failed = holders.flatMap(({ process, connected, failed: why }) =>
    connected && why !== undefined ? [`${process}: ${why}`] : [],
  );
  const some = [...away, ...failed].slice(0, 5);
  return some.length === 0 ? '' : ` (${some.join('; ')})`;
}
