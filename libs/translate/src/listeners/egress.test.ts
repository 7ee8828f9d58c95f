import { fromBinary, toJson } from '@bufbuild/protobuf';
import { expect, test } from '@jest/globals';
import { ListenerSchema } from '@isthmus/proto/envoy';
import { typeRegistry } from '@isthmus/proto/type-registry';
import { egressListener } from './egress.ts';

test('the egress listener routes by Host over http_proxy, on the address it was given', () => {
  const { name, bytes } = egressListener({ address: '127.0.0.1', port: 15_004 });
  expect(name).toBe('127.0.0.1_15004');
  const json = toJson(ListenerSchema, fromBinary(ListenerSchema, bytes), { registry: typeRegistry });
  expect(json).toMatchObject({
    name,
    address: { socketAddress: { address: '127.0.0.1', portValue: 15_004 } },
    trafficDirection: 'OUTBOUND',
    filterChains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typedConfig: {
              rds: {
                routeConfigName: 'http_proxy',
                configSource: { ads: {}, initialFetchTimeout: '0s', resourceApiVersion: 'V3' },
              },
              httpProtocolOptions: { allowAbsoluteUrl: true },
              // A rule may ask for any of these on its routes.
              httpFilters: ['grpc_stats', 'fault', 'cors', 'router'].map((name) => ({ name: `envoy.filters.http.${name}` })),
              upgradeConfigs: [{ upgradeType: 'websocket' }],
              streamIdleTimeout: '0s',
            },
          },
        ],
      },
    ],
  });
});

test('the same address gives the same listener on every replica', () => {
  const version = (port: number) => egressListener({ address: '127.0.0.1', port }).version;
  expect(version(15_004)).toBe(version(15_004));
  expect(version(15_004)).not.toBe(version(15_005));
});
