/** Which protocol a Service's port speaks, by Istio's rules (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/). */
import { PROTOCOLS } from '@isthmus/model';
import type { Protocol } from '@isthmus/model';
import type { KeptPort } from './kept.ts';

export interface PortProtocol {
  readonly protocol: Protocol;
  /** What was meant to be a protocol and is none; undefined when all is well. */
  readonly misunderstood?: { readonly field: 'appProtocol' | 'name'; readonly text: string };
}

/** Names of https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/3726-standard-application-protocols */
const STANDARD: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

export function portProtocol({ name, appProtocol }: Pick<KeptPort, 'name' | 'appProtocol'>): PortProtocol {
  if (appProtocol !== undefined && appProtocol !== '') {
    const protocol = STANDARD[appProtocol] ?? known(appProtocol);
    if (protocol !== undefined) return { protocol };
    // Someone else's name (`example.com/amqp`) is no mistake.
    return {
      protocol: 'tcp',
      ...(appProtocol.includes('/') ? {} : { misunderstood: { field: 'appProtocol', text: appProtocol } }),
    };
  }
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return { protocol: 'grpc-web' };
  const prefix = name.split('-')[0] ?? '';
  const protocol = known(prefix);
  if (protocol !== undefined) return { protocol };
  // `http2foo` and `grpc2` look like a protocol to people, not to Istio.
  const looksLike = PROTOCOLS.some((one) => one !== 'tcp' && prefix.toLowerCase().startsWith(one));
  return { protocol: 'tcp', ...(looksLike ? { misunderstood: { field: 'name', text: name } } : {}) };
}

function known(text: string): Protocol | undefined {
  const lower = text.toLowerCase();
  return lower === 'http_proxy' ? 'http' : PROTOCOLS.find((one) => one === lower);
}
