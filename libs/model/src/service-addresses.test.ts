import { expect, test } from '@jest/globals';
import { listenerPlaces, parseCidr, serviceAddresses } from './service-addresses.ts';
import type { MeshHost } from './ids.ts';
import type { MeshService, ServiceDeclaration } from './service.ts';

const service = (rest: Partial<MeshService>): MeshService => ({
  host: 'a.shop' as MeshHost,
  namespace: 'shop',
  resolution: 'static',
  ports: [
    { number: 80, name: 'http', protocol: 'http' },
    { number: 3306, name: 'tcp', protocol: 'tcp' },
  ],
  endpoints: [],
  origins: [],
  vip: undefined,
  diagnostics: [],
  ...rest,
});
const declared = (...addresses: string[]): ServiceDeclaration => ({
  resolution: 'static',
  addresses,
  external: false,
  createdAt: 0,
  labels: {},
  subjectAltNames: [],
});

test.each([
  ['10.0.0.1', { addressPrefix: '10.0.0.1', prefixLen: 32 }],
  ['fd00::/8', { addressPrefix: 'fd00::', prefixLen: 8 }],
  ['10.0.0.0/33', undefined],
  ['10.0.0.0/8/8', undefined],
  ['a.shop', undefined],
])('%s as a range', (text, expected) => {
  expect(parseCidr(text)).toEqual(expected);
});

test('a service has the addresses that were written, else the one that was given to it, else none', () => {
  expect(serviceAddresses(service({ vip: '10.1.1.1', declared: declared('10.2.0.0/16', '10.3.3.3/32', 'wrong') }))).toEqual([
    '10.2.0.0/16',
    '10.3.3.3',
  ]);
  expect(serviceAddresses(service({ vip: '10.1.1.1', declared: declared() }))).toEqual(['10.1.1.1']);
  expect(serviceAddresses(service({}))).toEqual(['0.0.0.0']);
});

test('HTTP is listened for on the port alone, connections on the address too', () => {
  expect(listenerPlaces(service({ declared: declared('10.3.3.3', '10.2.0.0/16') }))).toEqual([80, 3306, '10.3.3.3_3306']);
});
