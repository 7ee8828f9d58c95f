import { expect, test } from '@jest/globals';
import { meshTimeout } from './mesh-timeout.ts';
import { HOST, ordersMesh } from './testing/orders-mesh.ts';

/** Of a VirtualService of the host with these routes. */
function timeoutOf(http: string, hosts: string = HOST): number | undefined {
  const publisher = ordersMesh(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: orders, namespace: isthmus }
spec: { hosts: ['${hosts}'], http: [${http}] }`);
  return meshTimeout(publisher, HOST);
}

const route = `route: [{ destination: { host: ${HOST} } }]`;

test.each([
  ['its own', `{ timeout: 1.5s, ${route} }`, HOST, 1_500],
  ['that of a wildcard', `{ timeout: 20ms, ${route} }`, '*.mesh', 20],
  [
    'the longest of several',
    `{ timeout: 1s, match: [{ uri: { prefix: /a } }], ${route} }, { timeout: 2s, ${route} }`,
    HOST,
    2_000,
  ],
  ['none where one route has none', `{ timeout: 1s, match: [{ uri: { prefix: /a } }], ${route} }, { ${route} }`, HOST, undefined],
  ['none where it is switched off', `{ timeout: 0s, ${route} }`, HOST, undefined],
  ['none of a redirect', `{ match: [{ uri: { prefix: /a } }], redirect: { uri: /b } }, { timeout: 1s, ${route} }`, HOST, 1_000],
  ['none of another host’s rule', `{ timeout: 1s, ${route} }`, 'payments.mesh', undefined],
])('what the mesh gives a call: %s', (_, http, hosts, ms) => {
  expect(timeoutOf(http, hosts)).toBe(ms);
});
