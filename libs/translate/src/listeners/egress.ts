import type { Resource } from '@isthmus/model';
import { EGRESS_ROUTE } from '../names.ts';
import type { EgressAddress } from '../proxy.ts';
import { httpManager } from './http-manager.ts';
import { listenerResource } from './listener.ts';
import { outboundListener } from './outbound-listener.ts';

/** The explicit egress listener: HTTP, routed by Host over `http_proxy`, absolute URLs (HTTP_PROXY) and WebSockets included. */
export function egressListener({ address, port }: EgressAddress): Resource {
  const manager = httpManager({
    statPrefix: `outbound_${address}_${port}`,
    route: EGRESS_ROUTE,
    options: { httpProtocolOptions: { allowAbsoluteUrl: true } },
  });
  const chains = [{ filters: [manager] }];
  return listenerResource(outboundListener({ binds: [address], port, bindToPort: true, chains, otherwise: () => [] }));
}
