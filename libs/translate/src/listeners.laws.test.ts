import { expect, test } from '@jest/globals';
import { atOnce } from '@isthmus/model';
import { DestinationRules, ProxyScopes, VirtualServices, parseIstioYaml } from '@isthmus/policy';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { ObjectChange, Scope, ScopeDirt } from '@isthmus/policy';
import type { MeshHost, MeshService, Resource } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import { gatewayListeners } from './gateways/gateway-listeners.ts';
import { mergeGateways } from './gateways/merge.ts';
import { sidecarListenerKeys, sidecarListeners } from './listeners/sidecar-listeners.ts';
import type { ListenerKey } from './listeners/sidecar-listeners.ts';
import type { Proxy } from './proxy.ts';
import type { MeshOptions } from './scope.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf } from './testing/sketches.ts';

const mesh: MeshOptions = { domain: 'cluster.local', rootNamespace: 'root', outbound: 'allow-any' };
const PORTS = (['http', 'tcp', 'tls', 'grpc', 'mongo'] as const).map((protocol, n) => ({
  number: 80 + (n % 4),
  name: protocol,
  protocol,
}));
const HOSTS = ['a.shop', 'b.shop', 'c.pay', 'd.pay'] as const;

const service = fc.record({
  host: fc.constantFrom(...HOSTS),
  ports: fc.uniqueArray(fc.constantFrom(...PORTS), { minLength: 1, maxLength: 3, selector: ({ number }) => number }),
  vip: fc.constantFrom(undefined, '10.1.1.1', '10.1.1.2'),
  resolution: fc.constantFrom('static' as const, 'static' as const, 'none' as const),
  addresses: fc.uniqueArray(fc.constantFrom('10.9.9.9', '10.0.0.1', '10.0.0.2'), { maxLength: 2 }),
  exportTo: fc.constantFrom(undefined, ['.'], ['shop'], ['~']),
});

const host = fc.constantFrom(...HOSTS, '*.shop');
const destination = fc.record({ destination: fc.record({ host: fc.constantFrom(...HOSTS) }) });
const tcpMatch = fc.record({ port: fc.constantFrom(80, 81), destinationSubnets: fc.constantFrom([], ['10.2.0.0/16']) });
const hosts = fc.constantFrom(['a.shop'], ['b.shop', 'c.pay'], ['*.shop'], ['d.pay', '*.shop'], ['*.pay']);
const specs: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  VirtualService: hosts.chain((named) =>
    fc.record({
      hosts: fc.constant(named),
      gateways: fc.constantFrom(['mesh'], ['shop/edge'], ['mesh', 'shop/edge']),
      tcp: fc.array(fc.record({ match: fc.array(tcpMatch, { maxLength: 1 }), route: fc.tuple(destination) }), {
        minLength: 1,
        maxLength: 2,
      }),
    }),
  ),
  DestinationRule: fc.record({
    host,
    trafficPolicy: fc.record({ connectionPool: fc.record({ tcp: fc.record({ idleTimeout: fc.constantFrom('1s', '2s') }) }) }),
  }),
  Sidecar: fc.record({
    egress: fc.constantFrom(
      [{ hosts: ['./*'] }],
      [{ hosts: ['*/*', '~pay/*'] }],
      [{ port: { number: 81, protocol: 'TCP', name: 'tcp' }, hosts: ['*/*'] }, { hosts: ['pay/c.pay'] }],
    ),
    ingress: fc.constantFrom([], [{ port: { number: 9080, protocol: 'HTTP', name: 'http' }, defaultEndpoint: '127.0.0.1:8080' }]),
  }),
  Gateway: fc.record({
    servers: fc.constantFrom(
      [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      [{ port: { number: 81, name: 'tcp', protocol: 'TCP' }, hosts: ['*'] }],
      [{ port: { number: 443, name: 'tls', protocol: 'TLS' }, hosts: ['*.shop'], tls: { mode: 'AUTO_PASSTHROUGH' } }],
    ),
  }),
};
const objectNames = [
  'VirtualService/one',
  'VirtualService/two',
  'DestinationRule/one',
  'DestinationRule/two',
  'Sidecar/web',
  'Gateway/edge',
];
const object = fc.constantFrom(...objectNames).chain((id) => {
  const [kind, name] = id.split('/') as [string, string];
  const spec = fc.option(specs[kind] as fc.Arbitrary<unknown>, { nil: undefined, freq: 3 });
  return fc.record({ kind: fc.constant(kind), name: fc.constant(name), spec });
});
const step = fc.oneof(fc.record({ service }), fc.record({ gone: fc.constantFrom(...HOSTS) }), fc.record({ object }));

/** Keys of a group's listeners; those of a router are one. */
type Key = ListenerKey | 'gateways';

class World {
  readonly #services = new Map<MeshHost, MeshService>();
  readonly #objects = new Map<string, IstioObject>();
  readonly #virtual = new VirtualServices(mesh.domain);
  readonly #destination = new DestinationRules(mesh);
  readonly #scopes = new ProxyScopes<Proxy, MeshOptions>(
    mesh,
    {
      all: () => this.#services.values(),
      get: (of) => this.#services.get(of),
      ofAddress: (ip) =>
        [...this.#services.values()].flatMap((each) =>
          each.endpoints.flatMap(({ endpoint, portName }) => {
            const port = each.ports.find(({ name }) => name === portName);
            return endpoint.address === ip && port !== undefined ? [{ service: each, port, targetPort: endpoint.port }] : [];
          }),
        ),
    },
    {
      virtualServices: (namespace, gateway) => this.#virtual.virtualServices(namespace, gateway),
      destinationRule: (proxy, of) => this.#destination.outbound(of, proxy),
    },
  );

  scopeFor(proxy: Proxy): Scope<Proxy, MeshOptions> {
    return this.#scopes.scopeFor(proxy);
  }

  apply(change: { readonly [K in 'service' | 'gone' | 'object']?: unknown }): readonly ScopeDirt<Proxy, MeshOptions>[] {
    if (change.object !== undefined) return this.#put(change.object as { kind: string; name: string; spec: unknown });
    const of = (change.gone ?? (change.service as { host: string }).host) as MeshHost;
    if (change.gone !== undefined) this.#services.delete(of);
    else this.#services.set(of, serviceOf(change.service as Parameters<typeof serviceOf>[0]));
    return this.#scopes.onServices([of]);
  }

  #put({ kind, name, spec }: { readonly kind: string; readonly name: string; readonly spec: unknown }) {
    const before = this.#objects.get(`${kind}/${name}`);
    const after = spec === undefined ? undefined : parsed(kind, name, spec);
    if (after === undefined) this.#objects.delete(`${kind}/${name}`);
    else this.#objects.set(`${kind}/${name}`, after);
    let changes: readonly ObjectChange[] = [{ before, after }];
    if (kind === 'VirtualService')
      changes =
        after === undefined ? this.#virtual.delete('shop', name) : this.#virtual.set(after as IstioObject<'VirtualService'>);
    if (kind === 'DestinationRule' && after === undefined) this.#destination.delete('shop', name);
    if (kind === 'DestinationRule' && after !== undefined) this.#destination.set(after as IstioObject<'DestinationRule'>);
    return atOnce(this.#scopes.onObjects(changes));
  }
}

function parsed(kind: string, name: string, spec: unknown): IstioObject {
  const document = { apiVersion: 'networking.istio.io/v1', kind, metadata: { name, namespace: 'shop' }, spec };
  const { objects, problems } = parseIstioYaml(stringify(document), { file: 'law.yaml', defaultNamespace: 'shop' });
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  return objects[0] as IstioObject;
}

function serviceOf({
  addresses,
  exportTo,
  vip,
  ...sketch
}: typeof service extends fc.Arbitrary<infer T> ? T : never): MeshService {
  const endpoints = addresses.map((address) => ({ address, port: 8080, portName: sketch.ports[0]?.name ?? '' }));
  const namespace = sketch.host.split('.')[1] ?? '';
  return meshService({ ...sketch, namespace, endpoints, ...(vip && { vip }), ...(exportTo && { exportTo }) });
}

const base = proxyOf();
const proxies: readonly Proxy[] = [base, { ...base, interception: 'none', namespace: 'pay' }, { ...base, kind: 'router' }];

function made(scope: Scope<Proxy, MeshOptions>, key: Key): readonly Resource[] {
  if (key === 'gateways') return gatewayListeners(scope, mergeGateways(scope.gateways, scope.own));
  return sidecarListeners(scope, key);
}

function keysOf(scope: Scope<Proxy, MeshOptions>): readonly Key[] {
  return scope.proxy.kind === 'router' ? ['gateways'] : [...new Set(sidecarListenerKeys(scope))];
}

function dirtyKeys(
  scope: Scope<Proxy, MeshOptions>,
  dirt: ScopeDirt<Proxy, MeshOptions>,
  known: ReadonlyMap<Key, unknown>,
): Set<Key> {
  if (scope.proxy.kind === 'router') return new Set<Key>(dirt.all || dirt.gateways || dirt.inbound ? ['gateways'] : []);
  if (dirt.all) return new Set<Key>([...known.keys(), ...keysOf(scope)]);
  return new Set<Key>([...dirt.listeners, ...(dirt.inbound ? (['inbound'] as const) : [])]);
}

test('making what is dirty anew gives what making everything anew gives', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const world = new World();
      const groups = proxies.map((proxy) => {
        const scope = world.scopeFor(proxy);
        return { scope, known: new Map<Key, readonly Resource[]>(keysOf(scope).map((key) => [key, made(scope, key)])) };
      });
      for (const change of steps) {
        const dirt = world.apply(change);
        for (const { scope, known } of groups) {
          const mine = dirt.find((each) => each.scope === scope);
          for (const key of mine === undefined ? [] : dirtyKeys(scope, mine, known)) known.set(key, made(scope, key));
          const now = versions([...known.values()].flat());
          const anew = versions(keysOf(scope).flatMap((key) => made(scope, key)));
          expect(now).toEqual(anew);
        }
      }
    }),
    { numRuns: 120 },
  );
});

test('groups with equal content have equal bytes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const world = new World();
      for (const change of steps) world.apply(change);
      const [one, two] = [base, { ...base, labels: { app: 'web' } }].map((proxy) => world.scopeFor(proxy));
      const all = (scope: typeof one) => versions(scope === undefined ? [] : keysOf(scope).flatMap((key) => made(scope, key)));
      expect(all(one)).toEqual(all(two));
    }),
    { numRuns: 50 },
  );
});

function versions(resources: readonly Resource[]): Readonly<Record<string, string>> {
  return Object.fromEntries(resources.map(({ name, version }) => [name, version]).sort());
}
