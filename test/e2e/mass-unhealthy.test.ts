import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiagnosticList, EndpointView, HeldView, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

const SERVICES = 24;
const TTL_MS = 4_000;
const BEAT_MS = 500;

/** docs/adr/0011-deletion-safety.md: a Consul that hangs for longer than its TTL checks calls all of them critical when it goes on. */
describe('a Consul that calls everything unhealthy after its own hang', () => {
  let consul: ConsulServer;
  let bridge: BridgeProcess;
  let isBeating = true;
  let beating: Promise<void> = Promise.resolve();
  const end = new AbortController();

  const names = Array.from({ length: SERVICES }, (_, n) => `s${n}`);
  const put = async (path: string, body?: object): Promise<void> => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/agent/${path}`, {
      method: 'PUT',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  const beat = (): Promise<unknown> => Promise.all(names.map((name) => put(`check/pass/service:${name}`)));
  /** What callers of all services have; `health` is that of the mesh. */
  const endpoints = async (): Promise<readonly EndpointView[]> => (await bridge.get<ItemList<EndpointView>>('endpoints')).items;
  const served = async () => (await endpoints()).filter(({ takesTraffic }) => takesTraffic).length;
  const held = async () => (await bridge.get<ItemList<HeldView>>('held')).items[0];
  const critical = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${consul.ports.http}/v1/health/state/critical`);
    return ((await answer.json()) as readonly unknown[]).length;
  };

  beforeAll(async () => {
    consul = await startConsul();
    for (const [n, Name] of names.entries())
      await put('service/register', {
        Name,
        Address: '127.0.0.1',
        Port: 9_000 + n,
        Check: { TTL: `${TTL_MS}ms`, Status: 'passing' },
      });
    beating = (async () => {
      while (!end.signal.aborted) {
        if (isBeating) await beat();
        await pause(BEAT_MS);
      }
    })();
    bridge = await BridgeProcess.start([{ name: 'hq', kind: 'consul', servers: [`http://127.0.0.1:${consul.ports.http}`] }], {
      guard: { confirmAfter: '1h' },
    });
    await until('all are served', async () => (await served()) === SERVICES);
  }, 300_000);

  afterAll(async () => {
    end.abort();
    consul?.resume();
    await beating.catch(() => undefined);
    await bridge?.close();
    await consul?.stop();
  });

  test('keeps half of them at least, says so, and has all when their providers were heard again', async () => {
    isBeating = false; // nobody is heard while it hangs
    consul.pause();
    await pause(TTL_MS + 1_000);
    consul.resume();
    await until('Consul calls all critical', async () => (await critical()) === SERVICES);
    await until('the bridge holds what it has not believed', async () => {
      const all = await endpoints();
      const kept = all.filter(({ retained }) => retained?.listed === true);
      return all.every(({ health, retained }) => health === 'unhealthy' || retained !== undefined) && kept.length > 0;
    });
    const left = await served();
    expect(left).toBeGreaterThanOrEqual(SERVICES / 2);
    expect(await held()).toMatchObject({ removing: left, unhealthy: left, of: SERVICES });
    expect((await bridge.get<DiagnosticList>('diagnostics')).items).toContainEqual(
      expect.objectContaining({ code: 'removal.held', what: `${left} of ${SERVICES} endpoints are called unhealthy` }),
    );
    const metrics = await fetch(`http://127.0.0.1:${bridge.ports.control}/metrics`).then((answer) => answer.text());
    expect(metrics).toMatch(new RegExp(`isthmus_source_held_unhealthy_endpoints\\{source="hq".*\\} ${left}`));

    isBeating = true;
    await until('all are well, and nothing is held', async () => (await served()) === SERVICES && (await held()) === undefined);
  }, 120_000);

  test('when they are really gone an operator lets it through, and they get no requests', async () => {
    isBeating = false;
    await until('Consul calls all critical', async () => (await critical()) === SERVICES);
    await until('it is held', async () => ((await held())?.unhealthy ?? 0) > 0 && (await served()) === (await held())?.removing);
    const scope = encodeURIComponent((await held())?.scope ?? '');
    const { status } = await bridge.post(`held/${scope}/release`, await bridge.adminToken());
    expect(status).toBe(200);
    await until('nobody is called', async () => (await served()) === 0);
    expect((await endpoints()).every(({ health }) => health === 'unhealthy')).toBe(true);
    expect(await endpoints()).toHaveLength(SERVICES);
  }, 120_000);
});
