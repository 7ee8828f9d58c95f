import type { AdmittedClient } from './admit.ts';
import { endpointsNameOf } from './cluster-endpoints-name.ts';
import type { Push } from './push.ts';
import type { ReturningClient } from './returning-client.ts';
import type { TypeStream } from './type-stream.ts';
import { EDS } from './type-urls.ts';

interface SentClusters {
  readonly push: Push;
  readonly clusters: TypeStream;
  readonly transport: 'sotw' | 'delta';
  /** Of the client, as far as it has asked for them; `apart`: over other streams. */
  readonly endpoints: TypeStream | 'apart' | undefined;
  readonly returning: ReturningClient;
}

/**
 * A changed cluster warms until it gets its endpoints again, asked for or not (envoy#13009, envoy#33607), and also those that it
 * refuses: until then it answers CDS no more (`envoy.refused.real.test.ts`).
 * Routes wait until the client has taken them.
 * @returns whether others of the node's streams have something to do now
 */
export function askEndpointsOf(sent: SentClusters, { family, view }: Pick<AdmittedClient, 'family' | 'view'>): boolean {
  const streams = [...family.of(EDS)];
  const awaited = awaits(sent);
  if (streams.length === 0 && awaited === undefined) return false;
  const names = new Set<string>();
  for (const cluster of sent.push.fresh) names.add(endpointsNameOf(cluster));
  for (const name of names) if (name === '' || sent.returning.isKept(name)) names.delete(name);
  for (const endpoints of streams) {
    for (const name of names) endpoints.subscription.ask(name);
    endpoints.noteDue(view.revision);
  }
  if (awaited === undefined) return false;
  if (awaited === 'new') for (const { subscription } of streams) for (const name of subscription.names) names.delete(name);
  family.order.awaitEndpoints(names, sent.clusters.flyingSince);
  return true;
}

/** The endpoints of which of these clusters do routes wait for? Undefined: of none. */
function awaits({ clusters, transport, endpoints, returning }: SentClusters): 'all' | 'new' | undefined {
  if (returning.keeps || endpoints === 'apart') return 'all';
  if (clusters.answers > 0) return endpoints === undefined ? undefined : 'all';
  // No route moves to what comes with a client's first clusters, but these may be all there are, of thousands of clients at once.
  if (!returning.hasClusters) return undefined;
  // One that comes back has routes that move. In state of the world it is sent all clusters, and those that it has it asks endpoints for.
  return transport === 'sotw' ? 'new' : 'all';
}
