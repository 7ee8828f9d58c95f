import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePorts, http, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { parse } from 'yaml';
import { clustersOf } from '../clusters.ts';
import { endpointsOf } from '../endpoints.ts';
import { egressListener } from '../listeners/egress.ts';
import { CLUSTER_TYPE, EGRESS_ROUTE, ENDPOINT_TYPE, LISTENER_TYPE, ROUTE_TYPE } from '../names.ts';
import { EchoServer } from '../testing/echo-server.ts';
import { FilesystemXds } from '../testing/filesystem-xds.ts';
import { routeScope } from '../testing/route-scope.ts';
import type { Seen } from '../testing/echo-server.ts';
import type { MeshSketch, ObjectSketch } from '../testing/route-scope.ts';
import { sidecarRouteResource } from './sidecar-routes.ts';

const ORDERS = 'orders.shop.svc.cluster.local';
/** The golden's. */
const DELAY = 5_000;
const golden = (file: string): MeshSketch =>
  parse(readFileSync(new URL(`../../testdata/routes/in/${file}.yaml`, import.meta.url), 'utf8')) as MeshSketch;

/** Rules for hosts of their own, so that one Envoy has them all; the goldens' rules among them. */
const RULES: readonly ObjectSketch[] = [
  ...(golden('canary').virtualServices ?? []),
  atHost('slow', httpOf(golden('fault-delay'))),
  atHost('abort', [{ fault: { abort: { httpStatus: 418, percentage: { value: 30 } } }, ...toOrders() }]),
  atHost('answers', [
    { match: [{ uri: { prefix: '/moved' } }], redirect: { uri: '/here', authority: 'other.example', redirectCode: 302 } },
    { match: [{ uri: { prefix: '/text' } }], directResponse: { status: 418, body: { string: 'teapot' } } },
    { match: [{ uri: { prefix: '/old/' } }], rewrite: { uri: '/', authority: 'old.example' }, ...toOrders() },
    {
      match: [{ uri: { regex: '/item/\\d+' } }],
      rewrite: { uriRegexRewrite: { match: '/item/(\\d+)', rewrite: '/\\1' } },
      ...toOrders(),
    },
    { match: [{ queryParams: { v: { exact: '2' } }, method: { exact: 'GET' } }], ...toOrders('v2') },
    { match: [{ withoutHeaders: { 'x-tenant': { exact: 'a' } }, headers: { 'x-tenant': {} } }], ...toOrders('v2') },
    toOrders('v1'),
  ]),
  atHost('mirror', [{ mirror: { host: 'shadow.example' }, mirrorPercentage: { value: 100 }, ...toOrders() }]),
  atHost('headers', [
    {
      headers: {
        request: { set: { 'x-set': 'new' }, add: { 'x-add': 'more' }, remove: ['x-gone'] },
        response: { set: { 'x-answer': 'yes' } },
      },
      ...toOrders(),
    },
  ]),
  atHost('retries', [{ retries: { attempts: 3, retryOn: '503', retryIgnorePreviousHosts: false }, ...toOrders('v1') }]),
  atHost('once', [{ retries: { attempts: 0 }, ...toOrders('v1') }]),
  atHost('cors', [
    { corsPolicy: { allowOrigins: [{ exact: 'https://a.example' }], allowMethods: ['GET', 'PUT'] }, ...toOrders() },
  ]),
];

let envoy: EnvoyServer;
let egress: number;
let dir: string;
let instances: readonly EchoServer[];
const agent = new Agent({ keepAlive: true, maxSockets: 20 });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-routes-'));
  instances = await Promise.all(['v1', 'v2', 'shadow'].map((name) => EchoServer.start(name)));
  const endpoint = ({ name, port }: EchoServer) => ({ address: '127.0.0.1', port, labels: { version: name } });
  const scope = routeScope({
    proxy: { interception: 'explicit' },
    services: [
      { host: ORDERS, endpoints: instances.slice(0, 2).map(endpoint) },
      { host: 'shadow.example', endpoints: instances.slice(2).map(endpoint) },
    ],
    destinationRules: golden('canary').destinationRules ?? [],
    virtualServices: RULES,
  });
  const services = [...(scope.egress[0]?.services() ?? [])];
  [egress] = (await freePorts(1)) as [number];
  const files = new FilesystemXds(join(dir, 'xds'));
  await files.write(
    new Map([
      [CLUSTER_TYPE, services.flatMap((service) => clustersOf(service, scope.destinationRule(service.host), scope.proxy))],
      [ENDPOINT_TYPE, services.flatMap((service) => endpointsOf(service, scope.destinationRule(service.host), scope.proxy))],
      [LISTENER_TYPE, [egressListener({ address: '127.0.0.1', port: egress })]],
      [ROUTE_TYPE, [sidecarRouteResource(scope, EGRESS_ROUTE)]],
    ]),
  );
  envoy = await startEnvoy({ bootstrap: files.bootstrap(), readyWhen: 'live' });
}, 120_000);

afterAll(async () => {
  await envoy?.stop();
  agent.destroy();
  for (const instance of instances ?? []) await instance[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

beforeEach(() => {
  for (const { seen } of instances) seen.length = 0;
});

describe('the rules of a VirtualService in a real Envoy', () => {
  test('are accepted', async () => {
    expect(await stat('update_rejected')).toEqual([]);
  });

  test('send a share of the calls to a canary', async () => {
    const counts = await callMany(1000, { host: ORDERS });
    expect([...counts.keys()].sort()).toEqual(['v1', 'v2']);
    // 90 : 10, within 5 points.
    expect(Math.abs((counts.get('v2') ?? 0) / 10 - 10)).toBeLessThan(5);
  });

  test('send those to the canary that ask for it by a header', async () => {
    expect(await callMany(100, { host: ORDERS, headers: { 'x-canary': 'yes' } })).toEqual(new Map([['v2', 100]]));
    const { seen } = await call({ host: ORDERS, headers: { 'x-canary': 'yes' } });
    expect(seen?.name).toBe('v2');
  });

  test('delay every call by a fault’s fixed delay, and only those of its route', async () => {
    const before = await injected('delays');
    const started = performance.now();
    const answers = await Promise.all([1, 2, 3].map(() => call({ host: 'slow.example' })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    // No answer can come before the delay is over; how much later it comes is the machine's business.
    expect(performance.now() - started).toBeGreaterThanOrEqual(DELAY * 0.95);
    expect(await injected('delays')).toBe(before + 3);
    await callMany(20, { host: ORDERS });
    expect(await injected('delays')).toBe(before + 3);
  }, 30_000);

  test('abort a share of the calls', async () => {
    // Of 1,000 calls chance is 5 points off once in 1,600 runs, of these in 17 million.
    const counts = await callMany(2_500, { host: 'abort.example' });
    expect(Math.abs((counts.get('status 418') ?? 0) / 25 - 30)).toBeLessThan(5);
  });

  test('redirect, answer and rewrite', async () => {
    const moved = await call({ host: 'answers.example', path: '/moved/x' });
    expect([moved.status, moved.headers['location']]).toEqual([302, 'http://other.example/here']);
    const text = await call({ host: 'answers.example', path: '/text' });
    expect([text.status, text.body]).toEqual([418, 'teapot']);
    expect((await call({ host: 'answers.example', path: '/old/a/b' })).seen).toMatchObject({ url: '/a/b', host: 'old.example' });
    expect((await call({ host: 'answers.example', path: '/item/7' })).seen).toMatchObject({ url: '/7', host: 'answers.example' });
  });

  test('tell calls apart by query, method and headers', async () => {
    const version = async (rest: Partial<Call>) => (await call({ host: 'answers.example', ...rest })).seen?.name;
    expect(await version({ path: '/?v=2' })).toBe('v2');
    expect(await version({ path: '/?v=2', method: 'PUT' })).toBe('v1');
    expect(await version({ path: '/?v=3' })).toBe('v1');
    expect(await version({ headers: { 'x-tenant': 'b' } })).toBe('v2');
    expect(await version({ headers: { 'x-tenant': 'a' } })).toBe('v1');
  });

  test('send a copy to the mirror, with the Host as it was', async () => {
    expect((await call({ host: 'mirror.example', path: '/copy' })).seen?.name).not.toBe('shadow');
    const shadow = instances[2] as EchoServer;
    await until('the shadow has a call', () => shadow.seen.length > 0);
    expect(shadow.seen[0]).toMatchObject({ url: '/copy', host: 'mirror.example' });
  });

  test('change headers on the way there and back', async () => {
    const { seen, headers } = await call({
      host: 'headers.example',
      headers: { 'x-set': 'old', 'x-add': 'one', 'x-gone': 'yes' },
    });
    expect(seen?.headers).toMatchObject({ 'x-set': 'new', 'x-add': 'one, more' });
    expect(seen?.headers).not.toHaveProperty('x-gone');
    expect(headers['x-answer']).toBe('yes');
  });

  test('say how often is tried', async () => {
    const [v1] = instances as [EchoServer];
    expect((await call({ host: 'retries.example', path: '/broken' })).status).toBe(503);
    expect(v1.seen).toHaveLength(4);
    v1.seen.length = 0;
    expect((await call({ host: 'once.example', path: '/broken' })).status).toBe(503);
    expect(v1.seen).toHaveLength(1);
  });

  test('answer a preflight for origins that are allowed', async () => {
    const preflight = (origin: string) =>
      call({ host: 'cors.example', method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });
    const allowed = await preflight('https://a.example');
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET,PUT',
    });
    expect(allowed.seen).toBeUndefined();
    expect((await preflight('https://b.example')).seen).toBeDefined();
  });
});

interface Call {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** Undefined: no instance answered. */
  readonly seen: Seen | undefined;
}

function call({ host, path = '/', method = 'GET', headers = {} }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: egress, path, method, agent, headers: { ...headers, host } };
    const outgoing = request(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        const seen = body.startsWith('{') ? (JSON.parse(body) as Seen) : undefined;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, seen });
      });
    });
    outgoing.on('error', reject).end();
  });
}

/** How many calls each instance, or each other status, answered; 20 at a time. */
async function callMany(calls: number, what: Call): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  let started = 0;
  const worker = async () => {
    while (started++ < calls) {
      const { status, seen } = await call(what);
      const key = seen?.name ?? `status ${status}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return counts;
}

/** Lines of Envoy's statistics that are not zero. */
async function stat(filter: string): Promise<readonly string[]> {
  const { body } = await http(envoy.ports.admin, `/stats?filter=${filter}&usedonly`);
  return body.split('\n').filter((line) => line !== '' && !line.endsWith(': 0'));
}

async function injected(what: 'delays' | 'aborts'): Promise<number> {
  const lines = await stat(`fault\\.${what}_injected$`);
  return lines.reduce((sum, line) => sum + Number(line.split(': ')[1]), 0);
}

function atHost(name: string, http: readonly object[]): ObjectSketch {
  return { name, spec: { hosts: [`${name}.example`], http } as unknown as ObjectSketch['spec'] };
}

function toOrders(subset?: string) {
  return { route: [{ destination: { host: ORDERS, port: { number: 80 }, ...(subset === undefined ? {} : { subset }) } }] };
}

function httpOf({ virtualServices = [] }: MeshSketch): readonly object[] {
  return virtualServices.flatMap(({ spec }) => (spec as unknown as { readonly http: readonly object[] }).http);
}
