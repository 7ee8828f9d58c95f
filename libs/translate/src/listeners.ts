import type { Resource } from '@isthmus/model';
import { httpManager } from './listeners/http-manager.ts';
import { listenerResource } from './listeners/listener.ts';
import { outboundListener } from './listeners/outbound-listener.ts';
import { EGRESS_ROUTE } from './names.ts';
import type { EgressAddress } from './proxy.ts';

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
