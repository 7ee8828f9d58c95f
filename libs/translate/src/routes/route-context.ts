import type { MeshService } from '@isthmus/model';
import type { Destination, HTTPRetry, IstioObject } from '@isthmus/proto/istio';
import type { RouteSchema } from '@isthmus/proto/envoy';
import type { Proxy } from '../proxy.ts';
import type { Init } from './init.ts';

export type RouteInit = Init<typeof RouteSchema>;

/** All that the routes of a VirtualService depend on beside itself. */
export interface RouteContext {
  readonly proxy: Proxy;
  /** Of the listener; what a destination without a port gets where its service does not say otherwise. */
  readonly port: number;
  /** `mesh`, or the gateway's `namespace/name`. */
  readonly gateway: string;
  /** The listener terminates TLS. */
  readonly tls: boolean;
  /** Where a destination without a port may find its only one. */
  service(host: string): Pick<MeshService, 'ports'> | undefined;
  destinationRule(host: string): IstioObject<'DestinationRule'> | undefined;
  /** The mesh's, where the rule says nothing. */
  readonly retries: HTTPRetry | undefined;
}

/** `outbound|80|v1|host` */
export function destinationCluster(destination: Destination, at: RouteContext): string {
  return `outbound|${destinationPort(destination, at)}|${destination.subset}|${destination.host}`;
}

function destinationPort(destination: Destination, at: RouteContext): number {
  if (destination.port !== undefined) return destination.port.number;
  const ports = at.service(destination.host)?.ports ?? [];
  return ports.length === 1 && ports[0] !== undefined ? ports[0].number : at.port;
}
