import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import { parse } from 'yaml';
import type { RequestListener } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { JsonValue } from '@bufbuild/protobuf';
import type { MeshService, Resource } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { clustersOf } from './clusters.ts';
import { inboundClusters } from './clusters/inbound-clusters.ts';
import { meshClusters } from './clusters/mesh-clusters.ts';
import { endpointsOf } from './endpoints.ts';
import { egressListener } from './listeners/egress.ts';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from './names.ts';
import { resource } from './resource.ts';
import { FilesystemXds } from './testing/filesystem-xds.ts';
import { meshService } from './testing/mesh-service.ts';
import { proxyOf, ruleOf } from './testing/sketches.ts';
import type { ServiceSketch } from './testing/mesh-service.ts';
import type { ProxySketch } from './testing/sketches.ts';
import type { ProxyScope } from './scope.ts';

/** An instance that counts its calls; `answer` decides its status, `health` that of its checks. */
class Instance {
  readonly name: string;
  calls = 0;
  answer = 200;
  health = 200;
  port = 0;

  constructor(name: string) {
    this.name = name;
  }

  readonly listener: RequestListener = ({ url }, response) => {
    const isCheck = url === '/health';
    if (!isCheck) this.calls += 1;
    response.writeHead(isCheck ? this.health : this.answer).end(this.name);
  };
}

const MESH = { unhealthy: 'send' } as const;

let envoy: EnvoyServer;
let egress: number;
let dir: string;
const servers: Server[] = [];
const instances = new Map(
  ['a', 'b', 'failing', 'v1', 'v2', 'well', 'ill', 'near', 'far', 'safe'].map((name) => [name, new Instance(name)]),
);
/** Golden cases whose clusters a real Envoy has to take as they are; the others need files or are for gRPC. */
const ACCEPTED = ['distribute', 'ejection', 'health-checks', 'localities', 'names-and-addresses', 'outlier-detection', 'subsets'];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-rules-'));
  makeCertificates(dir);
  for (const instance of instances.values()) {
    const tls = { key: await readFile(join(dir, 'safe.key')), cert: await readFile(join(dir, 'safe.pem')) };
    const server = instance.name === 'safe' ? createHttpsServer(tls, instance.listener) : createServer({}, instance.listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    instance.port = (server.address() as AddressInfo).port;
  }
  instance('ill').health = 503;
  const proxy = proxyOf({ locality: { region: 'eu', zone: 'a' } });
  const made = [...ownServices(), ...(await goldenServices())].map(([service, rule]) => ({
    clusters: clustersOf(service, rule, proxy, MESH),
    endpoints: endpointsOf(service, rule, proxy, MESH),
  }));
  const own = [{ service: service('web.nacos', []), port: { number: 80, name: 'http-80', protocol: 'http' }, targetPort: 8080 }];
  const scope = { proxy, sidecar: undefined, own } as unknown as ProxyScope;
  [egress] = (await freePorts(1)) as [number];
  const files = new FilesystemXds(join(dir, 'xds'));
  await files.write(
    new Map([
      [
        CLUSTER_TYPE,
        [...meshClusters(proxy), ...inboundClusters(scope, () => undefined), ...made.flatMap((one) => one.clusters)],
      ],
      [ENDPOINT_TYPE, made.flatMap((one) => one.endpoints)],
      [LISTENER_TYPE, [egressListener({ address: '127.0.0.1', port: egress })]],
      [ROUTE_TYPE, [routeByHeader()]],
    ]),
  );
  envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
}, 120_000);

afterAll(async () => {
  await envoy?.stop();
  for (const server of servers) server.close();
  await rm(dir, { recursive: true, force: true });
});

describe('a real Envoy', () => {
  test('takes every cluster and load assignment that was made', async () => {
    const stats = await http(envoy.ports.admin, '/stats?filter=update_(rejected|failure)$');
    const refused = stats.body.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'));
    // Its names resolve nowhere, which is a failed update too.
    expect(refused.filter((line) => !/names-and-addresses.*update_failure/.test(line))).toEqual([]);
    const clusters = await http(envoy.ports.admin, '/clusters?format=json');
    const names = JSON.parse(clusters.body).cluster_statuses.map((one: { name: string }) => one.name);
    for (const name of ['BlackHoleCluster', 'PassthroughCluster', 'InboundPassthroughCluster', 'inbound|8080||'])
      expect(names).toContain(name);
    for (const name of ACCEPTED) expect(names.some((one: string) => one.includes(`||${name}.`))).toBe(true);
  });

  test('ejects an instance after seven errors in a row', async () => {
    const failing = instance('failing');
    failing.answer = 500;
    await until('the calls that eject', async () => (await call('outbound|80||errors.nacos')) !== '' && failing.calls === 7);
    // Envoy ejects in its main thread, a moment after the seventh.
    await until('it is ejected', async () => (await stat('errors.nacos.*outlier_detection.ejections_active')) === 1);
    const others = instance('a').calls + instance('b').calls;
    for (let i = 0; i < 50; i++) await call('outbound|80||errors.nacos');
    expect(failing.calls).toBe(7);
    expect(instance('a').calls + instance('b').calls).toBe(others + 50);
  }, 60_000);

  test('takes an ejected instance back when its time is over', async () => {
    const failing = instance('failing');
    failing.answer = 500;
    const calls = async (): Promise<boolean> => (await call('outbound|80||soon-back.nacos')) !== '';
    const ejected = (): Promise<number> => stat('soon-back.nacos.*outlier_detection.ejections_enforced_total');
    await until('it has been ejected', async () => (await calls()) && (await ejected()) > 0);
    failing.answer = 200;
    const isOut = async (): Promise<boolean> => (await stat('soon-back.nacos.*outlier_detection.ejections_active')) > 0;
    await until('it is back', async () => (await call('outbound|80||soon-back.nacos')) === 'failing' && !(await isOut()));
  }, 60_000);

  test('sends the calls of a subset to its instances alone', async () => {
    for (let i = 0; i < 20; i++) expect(await call('outbound|80|v2|subsets.nacos')).toBe('v2');
    const all = new Set<string>();
    for (let i = 0; i < 20; i++) all.add(await call('outbound|80||subsets.nacos'));
    expect([...all].sort()).toEqual(['v1', 'v2']);
  });

  test('stays in the caller’s zone until that fails, then leaves it', async () => {
    for (let i = 0; i < 20; i++) expect(await call('outbound|80||places.nacos')).toBe('near');
    instance('near').answer = 503;
    await until('the far one answers', async () => (await call('outbound|80||places.nacos')) === 'far');
  }, 60_000);

  test('calls no instance whose checks fail, and the well one that an annotation has checked', async () => {
    const [well, ill] = [instance('well'), instance('ill')];
    await until('the well one answers', async () => (await call('outbound|80||checked.nacos')) === 'well');
    for (let i = 0; i < 20; i++) await call('outbound|80||checked.nacos');
    expect(ill.calls).toBe(0);
    ill.health = 200;
    well.health = 503;
    await until('the ill one answers', async () => (await call('outbound|80||checked.nacos')) === 'ill');
  }, 60_000);

  test('lists a name that is told to be unhealthy, and calls only the well one', async () => {
    const cluster = 'outbound|80||told.nacos';
    const { body } = await http(envoy.ports.admin, '/clusters');
    const flags = body.split('\n').filter((line) => line.startsWith(`${cluster}::`) && line.includes('::health_flags::'));
    expect(flags.map((line) => [/:(\d+)::/.exec(line)?.[1], line.split('::').at(-1)]).sort()).toEqual(
      [
        [`${instance('a').port}`, 'healthy'],
        [`${instance('b').port}`, '/failed_eds_health'],
      ].sort(),
    );
    for (let i = 0; i < 20; i++) expect(await call(cluster)).toBe('a');
  });

  test('speaks TLS with the files of the rule, and to nobody whose certificate another authority signed', async () => {
    expect(await call('outbound|80||safe.nacos')).toBe('safe');
    expect(await call('outbound|80||doubtful.nacos')).toMatch(/^503 /);
    expect(await stat('doubtful.nacos.*ssl.fail_verify_error')).toBeGreaterThan(0);
  });

  test.each(['mutual.nacos', 'secret.nacos'])(
    'sends nothing to %s, whose TLS cannot be had, whatever the server speaks',
    async (host) => {
      const before = [instance('a').calls, instance('safe').calls];
      for (let i = 0; i < 10; i++) expect(await call(`outbound|80||${host}`)).toMatch(/^503 /);
      expect([instance('a').calls, instance('safe').calls]).toEqual(before);
      expect(await stat(`${host}.*ssl.fail_verify_cert_hash`)).toBeGreaterThan(0);
    },
  );
});

function ownServices(): readonly (readonly [MeshService, ReturnType<typeof ruleOf>])[] {
  const scaledDown = { consecutive5xxErrors: 7, interval: '0.3s', baseEjectionTime: '1s', maxEjectionPercent: 100 };
  const simple = (caCertificates: string) => ({ trafficPolicy: { tls: { mode: 'SIMPLE', caCertificates } } });
  return [
    [
      service('errors.nacos', ['a', 'b', 'failing']),
      // On a busy machine fifty calls take longer than a second.
      ruleOf({
        trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' }, outlierDetection: { ...scaledDown, baseEjectionTime: '60s' } },
      }),
    ],
    [
      service('soon-back.nacos', ['a', 'b', 'failing']),
      ruleOf({ trafficPolicy: { loadBalancer: { simple: 'ROUND_ROBIN' }, outlierDetection: scaledDown } }),
    ],
    [service('subsets.nacos', ['v1', 'v2']), ruleOf({ subsets: [{ name: 'v2', labels: { version: 'v2' } }] })],
    [
      service('places.nacos', ['near', 'far']),
      ruleOf({ trafficPolicy: { outlierDetection: { ...scaledDown, baseEjectionTime: '60s' } } }),
    ],
    [
      service('checked.nacos', ['well', 'ill']),
      ruleOf({}, { 'isthmus.dev/health-check': '{path: /health, interval: 100ms, unhealthyThreshold: 1, healthyThreshold: 1}' }),
    ],
    [
      meshService({
        host: 'told.nacos',
        resolution: 'dns',
        endpoints: [
          { address: 'localhost', port: instance('a').port },
          { address: 'localhost', port: instance('b').port, health: 'unhealthy' },
        ],
      }),
      ruleOf({}),
    ],
    [service('safe.nacos', ['safe']), ruleOf(simple(join(dir, 'ca.pem')))],
    [service('doubtful.nacos', ['safe']), ruleOf(simple(join(dir, 'other-ca.pem')))],
    [service('mutual.nacos', ['safe', 'a']), ruleOf({ trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } })],
    [service('secret.nacos', ['safe', 'a']), ruleOf({ trafficPolicy: { tls: { mode: 'SIMPLE', credentialName: 'ca' } } })],
  ];
}

function service(host: string, names: readonly string[]): MeshService {
  return meshService({
    host,
    endpoints: names.map((name) => ({
      address: '127.0.0.1',
      port: instance(name).port,
      labels: { version: name },
      locality: { region: 'eu', zone: name === 'far' ? 'b' : 'a' },
    })),
  });
}

/** The inputs of the goldens, each with hosts of its own. */
async function goldenServices(): Promise<(readonly [MeshService, ReturnType<typeof ruleOf>])[]> {
  const folder = new URL('../testdata/rules/in/', import.meta.url);
  const files = (await readdir(folder)).filter((file) => ACCEPTED.includes(file.replace('.yaml', '')));
  const found = await Promise.all(
    files.map(async (file) => {
      const golden = parse(await readFile(new URL(file, folder), 'utf8')) as Golden;
      const rule = ruleOf(JSON.parse(JSON.stringify(golden.rule).replaceAll('5m', '300s')) as JsonValue, golden.annotations);
      return golden.services.map((sketch) => {
        const host = `${file.replace('.yaml', '')}.${sketch.host}`;
        return [meshService({ ...sketch, host }), rule] as const;
      });
    }),
  );
  return found.flat();
}

interface Golden {
  readonly services: readonly ServiceSketch[];
  readonly rule: JsonValue;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly proxies?: readonly ProxySketch[];
}

/** Calls name the cluster they want: routes are not what is tried here. */
function routeByHeader(): Resource {
  const route = create(RouteConfigurationSchema, {
    name: EGRESS_ROUTE,
    virtualHosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: [
          {
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: { case: 'route', value: { clusterSpecifier: { case: 'clusterHeader', value: 'x-cluster' } } },
          },
        ],
      },
    ],
  });
  return resource(EGRESS_ROUTE, toBinary(RouteConfigurationSchema, route));
}

/** The name of the instance that answered, or status and body. */
function call(cluster: string): Promise<string> {
  const host = /[^|]*$/.exec(cluster)?.[0] ?? '';
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: egress, agent: false, headers: { host, 'x-cluster': cluster } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve(response.statusCode === 200 ? body : `${response.statusCode} ${body}`));
      },
    );
    outgoing.on('error', reject).end();
  });
}

async function stat(name: string): Promise<number> {
  const { body } = await http(envoy.ports.admin, `/stats?filter=${name}$`);
  return Number(/: (\d+)/.exec(body)?.[1]);
}

function instance(name: string): Instance {
  return instances.get(name) as Instance;
}

/** Two authorities, and a certificate of the first one for `safe.nacos` and `doubtful.nacos`. */
function makeCertificates(directory: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'other-ca'])
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
  openssl(
    'req',
    ...key,
    '-keyout',
    'safe.key',
    '-out',
    'safe.csr',
    '-subj',
    '/CN=safe',
    '-addext',
    'subjectAltName=DNS:safe.nacos,DNS:doubtful.nacos',
  );
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy'];
  openssl('x509', '-req', '-in', 'safe.csr', ...signing, '-out', 'safe.pem');
}
