import { WatchedCatalog } from '@isthmus/catalog/testing';
import type { MeshHost } from '@isthmus/model';
import { collect, testLedger } from '@isthmus/registry/testing';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeConsul } from './testing/fake-consul.ts';
import { testSource } from './testing/fake-harness.ts';
import { patient } from './testing/scenario.ts';

/** More than the guard's `minEndpoints` when half of them turn. */
const SERVICES = 24;
const SCOPE = 'hq/dc1/';

const consul = new FakeConsul();
let guarded: WatchedCatalog;
let view: ReturnType<typeof collect>;

const say = (n: number, status: 'passing' | 'critical') =>
  consul.catalog.put({ service: `s-${n}`, address: `10.0.0.${n}`, port: 8080, status });
const all = (status: 'passing' | 'critical') => Array.from({ length: SERVICES }, (_, n) => say(n, status));
/** How many services have somebody to call. */
const served = () => {
  const hosts = Array.from({ length: SERVICES }, (_, n) => guarded.catalog.merged(`s-${n}.dc1.consul` as MeshHost));
  return hosts.filter((host) => host?.endpoints.some(({ endpoint }) => endpoint.health === 'healthy')).length;
};
const heldAs = () => guarded.catalog.scopeById(SCOPE)?.held;
const isSaid = (n: number, health: string) =>
  view.until(`s-${n} is ${health}`, (v) => v.endpoints(`s-${n}`)[0]?.health === health);

beforeEach(async () => {
  guarded = new WatchedCatalog(testLedger());
  all('passing');
  await consul.up();
  const source = testSource({ servers: [consul.url] });
  view = patient(
    collect({
      id: source.id,
      async *watch(signal) {
        for await (const event of source.watch(signal)) {
          guarded.say(event);
          yield event;
        }
      },
    }),
  );
  await view.until('all are read', () => served() === SERVICES);
});

afterEach(async () => {
  await view.stop();
  await consul.down();
});

test('a Consul whose checks all fail at once takes at most half of its services; the rest stays, and a release lets it go', async () => {
  all('critical');
  for (let n = 0; n < SERVICES; n += 1) await isSaid(n, 'unhealthy');
  expect(served()).toBeGreaterThanOrEqual(SERVICES / 2);
  expect(heldAs()).toMatchObject({ removing: served(), unhealthy: served(), of: SERVICES });
  say(3, 'passing');
  await isSaid(3, 'healthy');
  all('passing');
  for (let n = 0; n < SERVICES; n += 1) await isSaid(n, 'healthy');
  expect([served(), heldAs()]).toEqual([SERVICES, undefined]);

  all('critical');
  for (let n = 0; n < SERVICES; n += 1) await isSaid(n, 'unhealthy');
  guarded.release();
  expect([served(), heldAs()]).toEqual([0, undefined]);
});
