import { ServerTLSSettings_TLSmode } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { compareAge } from './age.ts';
import type { ScopedProxy } from './scope/inputs.ts';
import { selects } from './selector.ts';

/** The Gateways whose selector matches a router, of any namespace, the older first. A sidecar has none. */
export function gatewaysFor(proxy: ScopedProxy, gateways: Iterable<IstioObject<'Gateway'>>): readonly IstioObject<'Gateway'>[] {
  if (proxy.kind !== 'router') return [];
  return [...gateways].filter(({ spec }) => selects(spec.selector, proxy.labels)).sort(compareAge);
}

/** How a VirtualService names it. */
export function gatewayName({ namespace, name }: IstioObject<'Gateway'>): string {
  return `${namespace}/${name}`;
}

/** Whether it passes connections to any service, by a name that needs no rule. */
export function passesEverything({ spec }: IstioObject<'Gateway'>): boolean {
  return spec.servers.some(({ tls }) => tls?.mode === ServerTLSSettings_TLSmode.AUTO_PASSTHROUGH);
}
