import type { AdmittedClient } from './admit.ts';
import type { Stock } from './push.ts';
import type { ReturningClient } from './returning-client.ts';
import type { StreamProfile } from './stream-profile.ts';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS } from './type-urls.ts';

export interface Asking {
  readonly stream: TypeStream;
  readonly profile: StreamProfile;
  readonly returning: ReturningClient;
  /** The client's endpoints over the same stream. */
  readonly endpoints: TypeStream | undefined;
  readonly now: number;
}

/**
 * May what is due of a type be pushed now?
 * @returns what it is chosen from; ms to wait with it; undefined: until something else happens
 */
export function pushReadiness(
  { stream, profile, returning, endpoints, now }: Asking,
  { view, retirement, family }: AdmittedClient,
): { readonly stock: Stock; readonly overtakes: boolean } | { readonly wait: number } | undefined {
  const { type, subscription } = stream;
  // Its answer comes when the kept clusters are gone, and routes to new ones must not be there before these.
  const overtakes = type === CDS && returning.isMute(now);
  if (subscription.inFlight !== undefined && !overtakes) return undefined;
  const resources = view.resources(type);
  if (resources.size === 0 && profile.silentWhenEmpty(type)) return undefined;
  if (now < stream.notBefore) return { wait: stream.notBefore - now };
  const silence = returning.beforeOthers(type, now);
  if (silence > 0) return { wait: silence };
  const hold = family.order.holds(stream, now, !returning.isMute(now));
  if (hold > 0) return { wait: hold };
  let retiring = retirement.resources(type);
  if (type === CDS) {
    const known = [resources, retiring, view.resources(EDS), retirement.resources(EDS)];
    const wait = returning.beforeClusters(endpoints, known, view.revision, now);
    if (wait > 0) return { wait };
    retiring = returning.with(retiring, resources);
  }
  return { stock: { view: resources, retiring }, overtakes };
}
