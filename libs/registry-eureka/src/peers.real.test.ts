import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import type { Finding } from '@isthmus/registry';
import { collect } from '@isthmus/registry/testing';
import { startEurekaCluster } from '@isthmus/servers';
import type { EurekaServer } from '@isthmus/servers';
import { eurekaRegistry } from './index.ts';
import { EurekaRest } from './testing/eureka-rest.ts';
import { openEureka } from './testing/scripted-harness.ts';
import { wireInstance } from './testing/wire-instance.ts';

jest.setTimeout(120_000);

const scope = { source: parseSourceId('old'), namespace: '', group: '' };
const DEADLINE = 30_000;

function examine(...servers: readonly string[]): Promise<readonly Finding[]> {
  return examineBy(systemClock, ...servers);
}

function examineBy(clock: Clock, ...servers: readonly string[]): Promise<readonly Finding[]> {
  const config = eurekaRegistry.schema.parse({ name: 'old', kind: 'eureka', servers });
  const deps = { clock, random: Math.random, baseDir: '.' };
  return eurekaRegistry.doctor(scope.source, config, deps, AbortSignal.timeout(20_000));
}

describe('two real Eureka servers that replicate to one another', () => {
  let servers: EurekaServer[];
  let rests: EurekaRest[];
  const url = (server: EurekaServer) => `http://127.0.0.1:${server.ports.http}/eureka`;

  beforeAll(async () => {
    servers = await startEurekaCluster(2);
    rests = servers.map((server) => new EurekaRest(url(server)));
  }, 180_000);
  afterAll(async () => {
    for (const rest of rests) rest.close();
    await Promise.all(servers.map((server) => server.stop()));
  }, 30_000);

  test('when the one that is read is killed the other one goes on, and nothing is deleted', async () => {
    const [first, second] = servers as [EurekaServer, EurekaServer];
    const [one, two] = rests as [EurekaRest, EurekaRest];
    const lease = { leaseSeconds: 3_600 };
    await one.register(wireInstance('orders', { address: '10.0.0.1', port: 8_001 }, lease));
    await two.register(wireInstance('orders', { address: '10.0.0.2', port: 8_002 }, lease));
    const view = collect(openEureka(servers.map(url), { pollInterval: '200ms', timeout: '5s', restartGrace: '60s' }));
    const ports = () => view.endpoints('orders').map(({ port }) => port);
    const live = () => view.status(scope)?.state === 'live';
    try {
      await view.until('both instances, by replication', () => live() && ports().length === 2, DEADLINE);
      await first.kill();
      await two.register(wireInstance('orders', { address: '10.0.0.3', port: 8_003 }, lease));
      await view.until('what only the second server was told', () => live() && ports().length === 3, DEADLINE);
      expect(ports()).toEqual([8_001, 8_002, 8_003]);
      await two.deregister('orders', '10.0.0.1', 8_001);
      await view.until('the removal', () => ports().join() === '8002,8003', DEADLINE);
      expect(view.events.filter(({ kind }) => kind === 'remove')).toEqual([]);

      await second.kill();
      await view.until('stale', () => view.status(scope)?.state === 'stale', DEADLINE);
      expect(ports()).toEqual([8_002, 8_003]);
      // The first one comes back empty and has nobody to copy from: it is not believed.
      await first.restart({ keepData: false });
      await one.register(wireInstance('orders', { address: '10.0.0.2', port: 8_002, metadata: { run: '2' } }, lease));
      await view.until('the one that came back', () => view.endpoints('orders')[0]?.metadata['run'] === '2', DEADLINE);
      expect(ports()).toEqual([8_002, 8_003]);
      expect(view.status(scope)?.state).toBe('stale');
    } finally {
      await view.stop();
    }
    expect(view.violations).toEqual([]);
  });

  test('the doctor names a server that is gone, and a peer that the config does not have', async () => {
    const [first, second] = servers as [EurekaServer, EurekaServer];
    const findings = [...(await examine(url(first), url(second))), ...(await examine(url(first)))];
    expect(findings.map(({ level, what }) => `${level}: ${what}`)).toEqual([
      expect.stringMatching(/^ok: .*answers, \d+ applications?/),
      expect.stringMatching(/^ok: .*gives deltas/),
      expect.stringMatching(/^error: .*cannot be reached/),
      expect.stringMatching(/^ok: .*answers, \d+ applications?/),
      expect.stringMatching(/^ok: .*gives deltas/),
      expect.stringMatching(/^warning: .*replicates with http:\/\/127\.0\.0\.1:\d+\/eureka, which is not among the servers/),
    ]);
  });
});

describe('a real Eureka in self-preservation', () => {
  test('is named by the doctor, as is a clock that is off', async () => {
    const [server] = (await startEurekaCluster(1, { selfPreservation: true })) as [EurekaServer];
    const rest = new EurekaRest(`http://127.0.0.1:${server.ports.http}/eureka`);
    try {
      // Expected renewals are far above those that come: there is one instance and nobody renews it.
      await rest.register(wireInstance('orders', { address: '10.0.0.1', port: 8_001 }, { leaseSeconds: 3_600 }));
      const findings = await examine(`http://127.0.0.1:${server.ports.http}/eureka`);
      expect(findings.filter(({ level }) => level === 'warning').map(({ what }) => what)).toEqual([
        expect.stringContaining('self-preservation'),
      ]);
      const late = await examineBy({ now: () => systemClock.now() + 120_000 }, `http://127.0.0.1:${server.ports.http}/eureka`);
      expect(late.map(({ what }) => what).join('\n')).toMatch(/the clock of .* is 1[12]\d s behind ours/);
    } finally {
      rest.close();
      await server.stop();
    }
  });
});
