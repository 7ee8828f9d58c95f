import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, credentials } from '@grpc/grpc-js';
import type { EndpointView, ExplainAnswer, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer, EnvoyServer } from '@isthmus/servers';
import { Authority } from './support/authority.ts';
import type { IssuedFiles } from './support/authority.ts';
import { BridgeProcess } from './support/bridge.ts';
import { CheckedInstance } from './support/checked-instance.ts';
import type { Certificates, Condition, Pair } from './support/checked-instance.ts';
import { callEgress } from './support/egress.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';
import { WHO, decodeName } from './support/grpc-names.ts';

const SERVICES = {
  ledger: { kind: 'http', secure: false },
  orders: { kind: 'http', secure: false },
  names: { kind: 'grpc', secure: false },
  wallet: { kind: 'http', secure: true },
  rates: { kind: 'grpc', secure: true },
  vault: { kind: 'http', secure: true },
} as const;
type Name = keyof typeof SERVICES;
const NAMES = Object.keys(SERVICES) as readonly Name[];
/** In the certificates of those that speak TLS, where the addresses that Consul lists are not. */
const SERVER_NAME = 'shop.test';

/** No more checks a second than this, of a rule that without a limit would make three. */
const PER_SECOND = 2;

/** Loopback addresses of their own, which Consul believes in for ever: it has no checks of these services. */
const RANGE = '127.0.6.0/24';
const rule = { targets: [RANGE], interval: '1s', unhealthy: 2, healthy: 2 };
const tls = { caFile: 'shop.crt', serverName: SERVER_NAME };
const checks = [
  { ...rule, name: 'sockets', services: ['hq/*/ledger'], type: 'tcp' },
  { ...rule, name: 'pages', services: ['hq/*/orders'], type: 'http', path: '/healthz', timeout: '500ms', perSecond: PER_SECOND },
  { ...rule, name: 'rpc', services: ['hq/*/names'], type: 'grpc', service: 'isthmus.test.Names', timeout: '500ms' },
  { ...rule, name: 'secure-pages', services: ['hq/*/wallet'], type: 'http', path: '/healthz', tls },
  { ...rule, name: 'secure-rpc', services: ['hq/*/rates'], type: 'grpc', service: 'isthmus.test.Names', tls },
  { ...rule, name: 'handshakes', services: ['hq/*/vault'], type: 'tcp', tls },
];

/** Addresses outside of a cluster, whose registry does not check them: the bridge does. */
describe('active checks of what Consul lists and nobody watches', () => {
  let consul: ConsulServer;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  const grpc = new Map<Name, Client>();
  let startedAt = 0;
  const instances = {} as Record<Name, readonly CheckedInstance[]>;

  const consulUrl = (path: string) => `http://127.0.0.1:${consul.ports.http}/v1/${path}`;
  const hostOf = (name: Name) => `${name}.dc1.consul`;
  const first = (name: Name) => instances[name][0] as CheckedInstance;
  const others = (name: Name) =>
    instances[name]
      .slice(1)
      .map(({ address }) => address)
      .sort();
  const inEnvoy = async (name: Name) => {
    const hosts = await hostsOf(envoy, `outbound|80||${hostOf(name)}`);
    return hosts.map((host) => host.slice(0, host.indexOf(':')));
  };
  /** As istiod gets them. */
  const inServiceEntries = async (name: Name) => {
    const text = await (await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/export?format=istio`)).text();
    return instances[name].map(({ address }) => address).filter((address) => text.includes(address));
  };
  const inConsul = async (name: Name) => {
    const entries = (await (await fetch(consulUrl(`health/service/${name}?passing`))).json()) as readonly {
      readonly Service: { readonly Address: string };
    }[];
    return entries.map(({ Service }) => Service.Address).sort();
  };
  const call = async (name: Name): Promise<string> => {
    const client = grpc.get(name);
    if (client !== undefined) return who(client);
    const { status, body } = await callEgress(envoy.ports.egress, hostOf(name));
    return status === 200 ? body : `status ${status}`;
  };
  /** Answers of calls through Envoy, counted. */
  const answers = async (name: Name, count: number) => {
    const seen = new Map<string, number>();
    for (let n = 0; n < count; n += 1) {
      const answer = await call(name);
      seen.set(answer, (seen.get(answer) ?? 0) + 1);
    }
    return [...seen.keys()].sort();
  };

  beforeAll(async () => {
    consul = await startConsul();
    const registry = { name: 'hq', kind: 'consul', servers: [consulUrl('').replace('/v1/', '')] };
    bridge = await BridgeProcess.prepare([registry], { liveness: { checks }, istio: { dir: 'istio.d' } });
    await mkdir(join(bridge.directory, 'istio.d'));
    const shop = await Authority.make(bridge.directory, 'shop');
    const other = await Authority.make(bridge.directory, 'other');
    const issue = async (by: Authority) => pairOf(await by.issue('any', `DNS:${SERVER_NAME}`));
    const certificates: Certificates = { own: await issue(shop), forged: await issue(other) };
    for (const [index, name] of NAMES.entries()) {
      const { kind, secure } = SERVICES[name];
      const addresses = [1, 2, 3].map((n) => `127.0.6.${index * 10 + 10 + n}`);
      const start = (address: string) => CheckedInstance.start(kind, address, secure ? certificates : undefined);
      instances[name] = await Promise.all(addresses.map(start));
      for (const { address, port } of instances[name]) {
        const body = { ID: `${name}-${address}`, Name: name, Address: address, Port: port, Meta: { protocol: kind } };
        const answer = await fetch(consulUrl('agent/service/register'), { method: 'PUT', body: JSON.stringify(body) });
        expect(answer.status).toBe(200);
      }
      // Callers speak TLS to them too, by the same authority and name.
      if (secure) await writeFile(join(bridge.directory, 'istio.d', `${name}.yaml`), callersRule(hostOf(name), shop.certFile));
    }
    startedAt = performance.now();
    await bridge.run();
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC');
    for (const name of ['names', 'rates'] as const) {
      const options = { 'grpc.default_authority': hostOf(name) };
      grpc.set(name, new Client(`127.0.0.1:${envoy.ports.egress}`, credentials.createInsecure(), options));
    }
    for (const name of NAMES) await until(`Envoy has all of ${name}`, async () => (await inEnvoy(name)).length === 3);
  }, 300_000);

  afterAll(async () => {
    for (const client of grpc.values()) client.close();
    await envoy?.stop();
    await bridge?.close();
    await Promise.all(
      Object.values(instances)
        .flat()
        .map((instance) => instance.become('gone')),
    );
    await consul?.stop();
  }, 60_000);

  test.each<[string, Name, Condition, RegExp]>([
    ['closes its socket, by tcp', 'ledger', 'gone', /^check sockets: connection refused, for /],
    ['answers 503, by http', 'orders', 'ill', /^check pages: HTTP 503, for /],
    ['accepts and hangs, by http', 'orders', 'hung', /^check pages: no answer within 500 ms, for /],
    ['closes its socket, by http', 'orders', 'gone', /^check pages: connection refused, for /],
    ['says NOT_SERVING, by grpc.health.v1', 'names', 'ill', /^check rpc: grpc\.health\.v1 says NOT_SERVING, for /],
    ['accepts and hangs, by grpc.health.v1', 'names', 'hung', /^check rpc: no answer within 500 ms, for /],
    ['closes its socket, by grpc.health.v1', 'names', 'gone', /^check rpc: connection refused, for /],
    ['answers 503, by https', 'wallet', 'ill', /^check secure-pages: HTTP 503, for /],
    [
      'shows what its authority did not sign, by https',
      'wallet',
      'forged',
      /^check secure-pages: its certificate is of .* not trusted, for /,
    ],
    [
      'says NOT_SERVING, by grpc.health.v1 over TLS',
      'rates',
      'ill',
      /^check secure-rpc: grpc\.health\.v1 says NOT_SERVING, for /,
    ],
    ['closes its socket, by grpc.health.v1 over TLS', 'rates', 'gone', /^check secure-rpc: connection refused, for /],
    [
      'shows what its authority did not sign, by tcp',
      'vault',
      'forged',
      /^check handshakes: its certificate is of .* not trusted, for /,
    ],
  ])(
    'an instance that %s, is in no output while Consul lists it, and back when it is well',
    async (_how, name, ill, reason) => {
      const all = instances[name].map(({ address }) => address);
      const sick = first(name);
      await sick.become(ill);
      await until('Envoy has it no more', async () => (await inEnvoy(name)).join() === others(name).join(), 60_000);
      await until('istiod would not either', async () => (await inServiceEntries(name)).join() === others(name).join());
      expect(await inConsul(name)).toEqual(all);
      const { calls } = sick;
      expect(await answers(name, 60)).toEqual(others(name));
      expect(sick.calls).toBe(calls);
      const { matches } = await bridge.get<ExplainAnswer>(`explain?q=${sick.address}`);
      expect(matches.map(({ host, leftOut }) => ({ host, leftOut }))).toEqual([
        {
          host: hostOf(name),
          leftOut: [
            { address: sick.address, port: sick.port, service: `hq/dc1//${name}`, reason: expect.stringMatching(reason) },
          ],
        },
      ]);
      await sick.become('well');
      await until('Envoy has it again', async () => (await inEnvoy(name)).join() === all.join(), 60_000);
      await until('it gets calls', async () => (await answers(name, 10)).includes(sick.address));
      expect(await answers(name, 60)).toEqual(all);
    },
    120_000,
  );

  test('a bridge that is restarted sends nobody back to an instance that it knew to be ill', async () => {
    const sick = first('orders');
    await sick.become('ill');
    await until('Envoy has it no more', async () => !(await inEnvoy('orders')).includes(sick.address), 60_000);
    const { calls } = sick;
    await bridge.end('SIGTERM');
    await bridge.run();
    const { checks: before } = sick;
    await until('it was checked again, and nobody called it', async () => {
      expect(await answers('orders', 10)).not.toContain(sick.address);
      return sick.checks >= before + 3;
    });
    expect(sick.calls).toBe(calls);
    await sick.become('well');
    await until('Envoy has it again', async () => (await inEnvoy('orders')).includes(sick.address), 60_000);
  }, 200_000);

  test('when all are ill at once it is rather the checker: they go on being called, which is said and can be overruled', async () => {
    await Promise.all(instances.orders.map((instance) => instance.become('gone')));
    await until('it is held', async () => {
      const { items } = await bridge.get<ItemList<{ scope: string; removing: number }>>('held');
      return items.some(({ scope, removing }) => scope === 'checks:pages' && removing === 3);
    });
    await until('all are in Envoy', async () => (await inEnvoy('orders')).length === 3);
    const { items } = await bridge.get<ItemList<EndpointView>>(`endpoints?host=${hostOf('orders')}`);
    expect(items.map(({ takesTraffic }) => takesTraffic)).toEqual([true, true, true]);
    const answer = await bridge.post('held/checks%3Apages/release', await bridge.adminToken());
    expect(answer.status).toBe(200);
    await until('Envoy has none', async () => (await inEnvoy('orders')).length === 0);
    await Promise.all(instances.orders.map((instance) => instance.become('well')));
    await until('Envoy has all again', async () => (await inEnvoy('orders')).length === 3, 60_000);
    expect(await answers('orders', 30)).toEqual(instances.orders.map(({ address }) => address));
  }, 120_000);

  test('no endpoint was asked more often than the rule allows', async () => {
    const checked = instances.orders.reduce((sum, instance) => sum + instance.checks, 0);
    const seconds = (performance.now() - startedAt) / 1_000;
    process.stdout.write(`${checked} checks by HTTP in ${seconds.toFixed(1)} s, at most ${PER_SECOND} a second\n`);
    expect(checked).toBeGreaterThan(20);
    expect(checked).toBeLessThanOrEqual(seconds * PER_SECOND + 2); // two bridges, one after the other;
    for (const { checks: own } of Object.values(instances).flat()) expect(own).toBeLessThanOrEqual(seconds / 0.8 + 2);
  });
});

function who(client: Client): Promise<string> {
  return new Promise((resolve) => {
    const asIs = (bytes: Buffer): Buffer => bytes;
    client.makeUnaryRequest(WHO, asIs, asIs, Buffer.alloc(0), (error, value) =>
      resolve(error === null && value !== undefined ? decodeName(value) : `status ${error?.code}`),
    );
  });
}

async function pairOf({ certFile, keyFile }: IssuedFiles): Promise<Pair> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  return { cert, key };
}

function callersRule(host: string, caFile: string): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${host}, namespace: default }
spec:
  host: ${host}
  trafficPolicy:
    tls: { mode: SIMPLE, caCertificates: ${caFile}, sni: ${SERVER_NAME}, subjectAltNames: [${SERVER_NAME}] }
`;
}
