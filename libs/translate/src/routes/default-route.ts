import { isIPv6 } from 'node:net';
import type { MeshHost } from '@isthmus/model';
import type { DestinationRule } from '@isthmus/proto/istio';
import { outboundName } from '../names.ts';
import type { ProxyScope } from '../scope.ts';
import { hashPolicies, serviceHash } from './hash-policy.ts';
import { retryPolicy } from './retry.ts';
import { timeouts } from './route-action.ts';
import type { RouteInit } from './route-context.ts';

/** What a service gets where no VirtualService says otherwise: all to its port, with Istio's default retries. */
export function defaultRoute(
  { mesh }: Pick<ProxyScope, 'mesh'>,
  host: MeshHost,
  port: number,
  rule: DestinationRule | undefined,
): RouteInit {
  const shown = isIPv6(host) ? `[${host}]` : host;
  // Retries go to other hosts here even with a consistent hash: istiod asks for it in rules only.
  const retries = retryPolicy(mesh.retries, false);
  return {
    name: 'default',
    match: { pathSpecifier: { case: 'prefix', value: '/' } },
    decorator: { operation: `${shown}:${port}/*` },
    action: {
      case: 'route',
      value: {
        clusterSpecifier: { case: 'cluster', value: outboundName(host, port) },
        ...timeouts(undefined),
        ...(retries === undefined ? {} : { retryPolicy: retries }),
        hashPolicy: [...hashPolicies(serviceHash(rule, port))],
      },
    },
  };
}
