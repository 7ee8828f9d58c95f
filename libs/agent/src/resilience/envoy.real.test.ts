import { afterAll, beforeAll, expect, test } from '@jest/globals';
import CircuitBreaker from 'opossum';
import { until } from '@isthmus/model/testing';
import { startEnvoy } from '@isthmus/servers';
import type { EnvoyBootstrap, EnvoyServer } from '@isthmus/servers';
import { MARK_HEADER } from '@isthmus/ladder';
import { handleAll, retry as retryOf } from 'cockatiel-4';
import { sidecarProbe } from '../sidecar-probe.ts';
import { SidecarWatch } from '../sidecar-watch.ts';
import { wrapPolicy } from './cockatiel.ts';
import { wrapBreaker } from './opossum.ts';
import type { OpossumBreaker } from './opossum-shape.ts';
import { HOST, Storm, thirtyPercent } from './testing/storm.ts';

/** A sidecar as our xDS makes it: retries for calls that do not keep them in the process, a deadline, ejection for errors in a row. */
function bootstrap(egress: number, instance: number): EnvoyBootstrap {
  const cluster = (name: string, port: number, more: object = {}): object => ({
    name,
    type: 'STATIC',
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }] }],
    },
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    ...more,
  });
  const narrow = { circuit_breakers: { thresholds: [{ max_requests: 0, max_pending_requests: 0 }] } };
  const ejecting = {
    outlier_detection: { consecutive_5xx: 5, interval: '60s', base_ejection_time: '60s', max_ejection_percent: 100 },
  };
  const to = (name: string, more: object = {}): object => ({ route: { cluster: name, timeout: '5s', ...more } });
  const path = (prefix: string, action: object, keeps?: string): object => ({
    match: { prefix, ...(keeps === undefined ? {} : { headers: [{ name: MARK_HEADER, string_match: { contains: keeps } }] }) },
    ...action,
  });
  const routes = [
    path('/overflow', to('narrow')),
    path('/ejected', to('ejecting')),
    path('/late', to('plain', { timeout: '0.3s' })), // for who never answers: on a busy machine others are late as well
    path('/', to('plain'), 'retry'),
    path('/', to('plain', { retry_policy: { retry_on: '5xx', num_retries: 2, retry_back_off: { base_interval: '0.001s' } } })),
  ];
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'egress',
    route_config: {
      name: 'egress',
      virtual_hosts: [
        { name: 'all', domains: ['*'], request_headers_to_add: [{ header: { key: 'x-way', value: 'mesh' } }], routes },
      ],
    },
    http_filters: [
      { name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'egress',
          address: { socket_address: { address: '127.0.0.1', port_value: egress } },
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
        },
      ],
      clusters: [cluster('plain', instance), cluster('narrow', instance, narrow), cluster('ejecting', instance, ejecting)],
    },
  };
}

let storm: Storm;
let envoy: EnvoyServer<'egress'>;

beforeAll(async () => {
  storm = await Storm.start();
  const port = storm.instancePort;
  envoy = await startEnvoy({ portNames: ['egress'], bootstrap: ({ egress }) => bootstrap(egress, port), readyWhen: 'live' });
  (storm.seam.egress as { port: number }).port = envoy.ports.egress;
}, 120_000);
afterAll(async () => {
  await envoy?.stop();
  await storm?.stop();
});

const breakerOf = (path: string, options: object = {}) => {
  const call = async (id: string): Promise<string> => {
    const { statusCode = 0, text, headers } = await storm.get(id, path);
    if (statusCode >= 400) throw Object.assign(new Error(`status ${statusCode}`), { response: { status: statusCode, headers } });
    return text;
  };
  const breaker = new CircuitBreaker(call, { errorThresholdPercentage: 90, timeout: 20_000, ...options });
  breaker.fallback((_id: string, error: Error & { code?: string }) => `fallback: ${error.code ?? error.message}`);
  return wrapBreaker(breaker, { target: HOST });
};

test('what a real Envoy itself answers is told from what an instance answers, and becomes the errors of a breaker', async () => {
  storm.plan({ rung: 'resilience' });
  storm.behaviour = () => 503;
  expect(await breakerOf('/').fire('a')).toBe('fallback: status 503');
  expect(await breakerOf('/overflow').fire('a')).toBe('fallback: ESEMLOCKED');
  storm.behaviour = () => 'hang';
  expect(await breakerOf('/late').fire('a')).toBe('fallback: ETIMEDOUT');
  storm.behaviour = () => 500;
  const ejected = breakerOf('/ejected');
  const answers: unknown[] = [];
  while (answers.at(-1) !== 'fallback: EOPENBREAKER' && answers.length < 200) answers.push(await ejected.fire('a'));
  expect(answers.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'fallback: status 500'));
  expect(answers.at(-1)).toBe('fallback: EOPENBREAKER');
}, 60_000);

test('in a storm of 30 % failures no call has more attempts than its owner makes, at any rung, with a real Envoy', async () => {
  storm.behaviour = thirtyPercent;
  const retrying = (rung: string, percent: number): number => (rung === 'resilience' && percent === 100 ? 3 : 5);
  for (const [rung, percent] of [
    ['sdk', 100],
    ['traffic', 50],
    ['traffic', 100],
    ['resilience', 30],
    ['resilience', 100],
  ] as const) {
    storm.attempts.clear();
    storm.ways.clear();
    storm.plan({ rung, percent });
    const retry = wrapPolicy(retryOf(handleAll, { maxAttempts: 4 }), { target: HOST });
    for (let at = 0; at < 100; at += 1)
      await retry
        .execute(async () => {
          const { statusCode = 0 } = await storm.get(String(at));
          if (statusCode >= 500) throw new Error(`status ${statusCode}`);
        })
        .catch(() => undefined);
    expect(storm.mostAttempts).toBeGreaterThan(1);
    expect({ rung, percent, isWithin: storm.mostAttempts <= retrying(rung, percent) }).toEqual({ rung, percent, isWithin: true });
    expect([...storm.ways.values()].every((ways) => ways.size === 1)).toBe(true);
  }
}, 60_000);

test.each(['traffic', 'resilience'] as const)(
  'a breaker lets calls through to the instances when a real Envoy hangs, also where deadlines are over before that is known: %s',
  async (rung) => {
    storm.behaviour = () => 200;
    storm.plan({ rung });
    const probe = sidecarProbe({ egress: storm.seam.egress, readyUrl: `http://127.0.0.1:${envoy.ports.admin}/ready` });
    let mayLook = Promise.resolve();
    const watch = new SidecarWatch({
      probe: { ...probe, sidecar: () => mayLook.then(() => probe.sidecar()) },
      now: () => performance.now(),
      wanted: () => storm.decider.wanted,
      changed: () => storm.decider.judge((authority) => watch.isReady(authority)),
    });
    storm.watchedBy(watch.seen);
    const breaker = breakerOf('/', { timeout: 20, errorThresholdPercentage: 50, volumeThreshold: 4, resetTimeout: 3_600_000 });
    const heard: string[] = [];
    for (const event of ['open', 'close', 'timeout'] as const) breaker.on(event as 'open', () => heard.push(event));
    try {
      watch.wake();
      await until('Envoy was seen to be well', () => watch.isReady(`${HOST}:80`));
      expect(await storm.get('well')).toMatchObject({ text: 'mesh' });
      let look = (): void => undefined;
      mayLook = new Promise((resolve) => (look = resolve));
      envoy.pause();
      const late = (): number => heard.filter((event) => event === 'timeout').length;
      await until('calls enough have run out of time to open it', async () => {
        await breaker.fire('a');
        return rung === 'traffic' ? breaker.opened : late() >= 8;
      });
      look();
      (breaker as unknown as OpossumBreaker).options.timeout = 2_000; // of an instance beside a busy machine
      await until('a call is answered by the instance', async () => (await breaker.fire('a')) === 'sdk');
      expect(heard.filter((event) => event !== 'timeout')).toEqual(rung === 'traffic' ? ['open', 'close'] : []);
    } finally {
      envoy.resume();
      watch.close();
      breaker.shutdown();
    }
  },
  60_000,
);
