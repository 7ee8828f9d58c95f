import type { AdmittedClient } from './admit.ts';
import { endpointsNameOf } from './cluster-endpoints-name.ts';
import type { Push } from './push.ts';
import type { ReturningClient } from './returning-client.ts';
import { EDS } from './type-urls.ts';

/**
 * A changed cluster warms until it gets its endpoints again, asked for or not (envoy#13009, envoy#33607).
 * @param awaitedFrom routes of this revision of the view, and later ones, wait until the client has taken them; undefined: none do
 * @returns whether others of the node's streams have something to do now
 */
export function askEndpointsOf(
  push: Push,
  { family, view }: Pick<AdmittedClient, 'family' | 'view'>,
  returning: ReturningClient,
  awaitedFrom: number | undefined,
): boolean {
  const streams = [...family.of(EDS)];
  if (streams.length === 0 && awaitedFrom === undefined) return false;
  const names = new Set<string>();
  for (const cluster of push.fresh) names.add(endpointsNameOf(cluster));
  for (const name of names) if (name === '' || returning.isKept(name)) names.delete(name);
  for (const endpoints of streams) {
    for (const name of names) endpoints.subscription.ask(name);
    endpoints.noteDue(view.revision);
  }
  if (awaitedFrom === undefined) return false;
  family.order.awaitEndpoints(names, awaitedFrom);
  return true;
}
