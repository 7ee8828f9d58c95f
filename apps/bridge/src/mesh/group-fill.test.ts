import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MeshHost, MeshService } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import type { IstioObject } from '@isthmus/proto/istio';
import { CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { MeshOptions, Proxy as MeshProxy } from '@isthmus/translate';
import { meshService, proxyOf } from '@isthmus/translate/testing';
import { ConsumerPolicies } from './consumer-policies.ts';
import { MeshGroup } from './mesh-group.ts';
import { ofMesh } from './of-mesh.ts';
import { ServiceIndex } from './service-index.ts';

const ISTIO: MeshOptions = { domain: 'cluster.local', rootNamespace: 'istio-system', outbound: 'allow-any' };

const PROXIES: Readonly<Record<string, MeshProxy>> = {
  'proxies with a port for HTTP_PROXY': proxyOf({ interception: 'explicit', egress: { address: '127.0.0.1', port: 15_004 } }),
  'proxies that catch connections': proxyOf(),
  'proxies with a Sidecar': proxyOf({ labels: { app: 'web' } }),
  routers: proxyOf({ kind: 'router', labels: { app: 'edge' } }),
  'gRPC clients': proxyOf({ grpc: true, interception: 'explicit' }),
};

const SIDECAR = parseIstioYaml(
  `{ apiVersion: networking.istio.io/v1, kind: Sidecar, metadata: { name: two, namespace: shop }, spec: { workloadSelector:
     { labels: { app: web } }, egress: [{ port: { number: 80, protocol: HTTP, name: http }, hosts: ['*/*'] }, { hosts: ['*/*.test'] }] } }`,
  { file: 'sidecar.yaml', defaultNamespace: 'shop' },
).objects[0] as IstioObject;

/** A mesh whose changes reach groups as `MeshPublisher` tells of them, one after the other. */
class SteppedMesh {
  readonly #services = new ServiceIndex();
  readonly #of = ofMesh(ISTIO, this.#services, new ConsumerPolicies());
  readonly #groups: MeshGroup[] = [];

  constructor() {
    for (const _ of this.#of.scopes.onObjects([{ before: undefined, after: SIDECAR }]));
  }

  groupOf(proxy: MeshProxy): MeshGroup {
    const group = new MeshGroup(this.#of.scopes.scopeFor(proxy), this.#of.translations, this.#of.rules.consumers);
    this.#groups.push(group);
    return group;
  }

  set(host: string, service: MeshService | undefined): void {
    this.#services.set(host as MeshHost, service);
    this.#of.translations.forget(host as MeshHost);
    const dirt = this.#of.scopes.onServices([host as MeshHost]);
    for (const group of this.#groups) {
      const own = dirt.find(({ scope }) => scope === group.scope);
      if (own !== undefined) for (const _ of group.take(own));
      if (own?.hosts.has(host as MeshHost) !== true) group.instances(host as MeshHost);
    }
  }
}

/** Some speak HTTP on 80, some TCP at an address of their own; `n` decides, `instances` changes nothing of that. */
function service(n: number, instances = 1): MeshService {
  const endpoints = Array.from({ length: instances }, (_, i) => ({ address: `10.0.${n % 250}.${i + 1}` }));
  const tcp = { ports: [{ number: 3306, name: 'tcp-db', protocol: 'tcp' }], vip: `240.0.0.${n % 250}` } as const;
  return meshService({
    host: `s${n}.test`,
    endpoints,
    ...(n % 3 === 0 ? tcp : {}),
    ...(n % 7 === 0 ? { exportTo: ['shop'] } : {}),
  });
}

/** The service, noting in `seen` that somebody looked at it. */
function watched(plain: MeshService, seen: Set<MeshHost>): MeshService {
  return new Proxy(plain, {
    get: (target, key) => {
      seen.add(target.host);
      return Reflect.get(target, key) as unknown;
    },
  });
}

test.each(Object.entries(PROXIES))('a new group of %s looks at one service in each step', (_, proxy) => {
  const mesh = new SteppedMesh();
  const seen = new Set<MeshHost>();
  for (let n = 0; n < 300; n += 1) mesh.set(`s${n}.test`, watched(service(n), seen));
  const group = mesh.groupOf(proxy);
  const all = new Set<MeshHost>();
  seen.clear();
  let most = 0;
  for (const _step of group.fill()) {
    most = Math.max(most, seen.size);
    for (const host of seen) all.add(host);
    seen.clear();
  }
  expect(most).toBe(1);
  expect(all.size).toBe(300);
});

function versionsOf(group: MeshGroup): readonly string[] {
  for (const _ of group.compose());
  group.commit();
  return [CLUSTER_TYPE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE].map((type) => group.store.version(type));
}

interface Turn {
  /** Steps before it. */
  readonly after: number;
  readonly n: number;
  /** Undefined: it goes. */
  readonly instances: number | undefined;
}

/** A group that is filled while that happens ends with what one has that is made afterwards. @returns how many steps it took */
function fillsMeanwhile(proxy: MeshProxy, services: number, turns: readonly Turn[]): number {
  const mesh = new SteppedMesh();
  for (let n = 0; n < services; n += 1) mesh.set(`s${n}.test`, service(n));
  const group = mesh.groupOf(proxy);
  let taken = 0;
  const steps = (function* (): Generator<void> {
    for (const work of [group.fill(), group.compose()]) for (const _ of work) yield void (taken += 1);
  })();
  for (const { after, n, instances } of turns) {
    for (let step = 0; step < after; step += 1) steps.next();
    mesh.set(`s${n}.test`, instances === undefined ? undefined : service(n, instances));
  }
  for (const _ of steps);
  const fresh = mesh.groupOf(proxy);
  for (const _ of fresh.fill());
  expect(versionsOf(group)).toEqual(versionsOf(fresh));
  return taken;
}

const anyTurn = fc.record({
  after: fc.nat({ max: 24 }),
  n: fc.nat({ max: 16 }),
  instances: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
});

test.each(Object.entries(PROXIES))(
  'law: whatever comes and goes between the steps, a new group of %s is as one made afterwards',
  (_, proxy) => {
    fc.assert(
      fc.property(fc.array(anyTurn, { maxLength: 12 }), (turns) => void fillsMeanwhile(proxy, 12, turns)),
      { numRuns: 60 },
    );
  },
);

test.each(Object.entries(PROXIES))('a service that goes, or comes, at any of the steps of a new group of %s', (_, proxy) => {
  const services = 4;
  const steps = fillsMeanwhile(proxy, services, []);
  expect(steps).toBeGreaterThan(services);
  for (let after = 0; after <= steps; after += 1) {
    fillsMeanwhile(proxy, services, [{ after, n: 0, instances: undefined }]);
    fillsMeanwhile(proxy, services, [{ after, n: services, instances: 1 }]);
  }
});
