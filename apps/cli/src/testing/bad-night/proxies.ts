import type { ProxyConfigView, ProxyList } from '@isthmus/contract';
import { NOW } from '../run-cli.ts';
import { NODE, ORDERS } from './mesh.ts';

export const TYPES = 'type.googleapis.com/envoy.config';

export const proxies: ProxyList = {
  items: [
    {
      node: NODE,
      address: '127.0.0.1:54321',
      connectedAt: NOW - 3_600_000,
      transport: 'delta',
      types: [
        { type: `${TYPES}.cluster.v3.Cluster`, subscribed: '*', sent: '1f2e', acked: '1f2e', served: true },
        {
          type: `${TYPES}.endpoint.v3.ClusterLoadAssignment`,
          subscribed: 3,
          sent: '77aa',
          acked: '60b1',
          served: true,
          unansweredSince: NOW - 7_000,
        },
        {
          type: `${TYPES}.listener.v3.Listener`,
          subscribed: '*',
          sent: 'c0de',
          acked: 'beef',
          served: true,
          nack: {
            at: NOW - 45_000,
            names: ['127.0.0.1_15004'],
            message: 'Error adding listener(s) 127.0.0.1_15004: cannot bind\u001b[2J: Address already in use',
          },
        },
      ],
    },
    { node: 'istiod', address: '127.0.0.1:40000', connectedAt: NOW - 5_000, transport: 'mcp', types: [] },
  ],
  rejected: [
    {
      node: '',
      address: '127.0.0.1:40400',
      code: 'UNAUTHENTICATED',
      reason: 'no valid token: send the metadata `authorization: Bearer <token>`',
      count: 12,
      lastAt: NOW - 3_000,
    },
    { node: 'ap\u001b[2Ji', address: '127.0.0.1:40500', code: 'PERMISSION_DENIED', reason: 'no', count: 1, lastAt: NOW - 60_000 },
  ],
};

export const proxyConfig: ProxyConfigView = {
  node: NODE,
  types: [
    {
      type: `${TYPES}.cluster.v3.Cluster`,
      version: '1f2e',
      resources: [
        { name: `outbound|80||${ORDERS}`, version: 'aa01', state: 'sent' },
        { name: 'outbound|80||inventory.dc1.consul', version: 'aa02', state: 'retiring' },
      ],
    },
    {
      type: `${TYPES}.listener.v3.Listener`,
      version: 'c0de',
      resources: [{ name: '127.0.0.1_15004', version: 'bb01', state: 'rejected' }],
    },
  ],
};
