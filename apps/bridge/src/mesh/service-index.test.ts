import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MeshHost, MeshService } from '@isthmus/model';
import { meshService } from '@isthmus/translate/testing';
import { ServiceIndex } from './service-index.ts';

const anyService = fc.array(
  fc.record({ address: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'), port: fc.constantFrom(80, 81) }),
  {
    maxLength: 4,
  },
);
const anyChange = fc.record({ host: fc.constantFrom('a.b', 'c.d', 'e.f'), to: fc.option(anyService, { nil: undefined }) });

test('after any changes, an address leads to exactly the services that have it now', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 12 }), (changes) => {
      const index = new ServiceIndex();
      const now = new Map<string, MeshService>();
      for (const { host, to } of changes) {
        const after = to === undefined ? undefined : service(host, to);
        expect(index.set(host as MeshHost, after)).toBe(now.get(host));
        if (after === undefined) now.delete(host);
        else now.set(host, after);
      }
      for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) {
        const wanted = [...now.values()].flatMap(({ host, endpoints }) =>
          endpoints.filter(({ endpoint }) => endpoint.address === ip).map(({ endpoint }) => `${host} ${endpoint.port}`),
        );
        const found = [...index.ofAddress(ip)].map((served) => `${served.service.host} ${served.targetPort}`);
        expect(found.sort()).toEqual(wanted.sort());
      }
    }),
  );
});

test('an unhealthy instance is found too, and an endpoint of a port that is gone is not', () => {
  const index = new ServiceIndex();
  const known = service('a.b', [{ address: '10.0.0.1', port: 80 }]);
  const [instance] = known.endpoints;
  const endpoints = [
    { ...instance!, endpoint: { ...instance!.endpoint, health: 'unhealthy' as const } },
    { ...instance!, portName: 'gone' },
  ];
  index.set(known.host, { ...known, endpoints });
  expect([...index.ofAddress('10.0.0.1')]).toHaveLength(1);
});

function service(host: string, instances: readonly { readonly address: string; readonly port: number }[]): MeshService {
  return meshService({ host, endpoints: instances.map((instance, n) => ({ ...instance, instanceId: String(n) })) });
}
