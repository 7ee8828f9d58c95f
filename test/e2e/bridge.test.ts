import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DiagnosticList, HeldView, ItemList, ServiceView, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startEureka } from '@isthmus/servers';
import type { EurekaServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { EurekaClient } from './support/eureka-client.ts';

describe('the bridge as a process', () => {
  let eureka: EurekaServer;
  let client: EurekaClient;
  let bridge: BridgeProcess;

  const registry = (name = 'old') => ({
    name,
    kind: 'eureka',
    servers: [`http://127.0.0.1:${eureka.ports.http}/eureka`],
    pollInterval: '200ms',
    restartGrace: '100ms',
  });
  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: bridge.ports.control, path, method, headers }, (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body, headers: answer.headers }));
      });
      call.on('error', reject);
      call.end();
    });
  const hosts = async () => (await bridge.get<ItemList<ServiceView>>('services')).items.map((s) => s.host).sort();

  beforeAll(async () => {
    eureka = await startEureka();
    client = new EurekaClient(eureka.ports.http);
    await client.register('payments', 8080);
    bridge = await BridgeProcess.start([registry()]);
  }, 300_000);

  afterAll(async () => {
    await bridge?.close();
    await eureka?.stop();
  });

  describe('is safe from the start', () => {
    test('writes need the token, which only its owner can read', async () => {
      expect((await bridge.post('held/old%2F%2F/release')).status).toBe(401);
      expect((await bridge.post('held/old%2F%2F/release', 'wrong')).status).toBe(401);
      expect((await bridge.post('held/old%2F%2F/release', await bridge.adminToken())).status).toBe(404);
      expect((await stat(join(bridge.directory, '.isthmus/admin.token'))).mode & 0o777).toBe(0o600);
    });

    test('a foreign Host is refused (DNS rebinding)', async () => {
      const answer = await ask('/api/v1/sources', { host: 'evil.example' });
      expect(answer.status).toBe(421);
      expect(JSON.parse(answer.body)).toMatchObject({ title: 'Wrong host', remedy: expect.stringContaining('127.0.0.1') });
      expect((await ask('/api/v1/sources', { host: `localhost:${bridge.ports.control}` })).status).toBe(200);
    });

    test('a foreign Origin is refused', async () => {
      expect((await ask('/api/v1/sources', { host: '127.0.0.1', origin: 'http://evil.example' })).status).toBe(403);
      expect((await ask('/api/v1/sources', { host: '127.0.0.1', origin: 'null' })).status).toBe(403);
      expect((await ask('/api/v1/sources', { host: '127.0.0.1', origin: 'http://127.0.0.1' })).status).toBe(200);
    });
  });

  test('serves a page whose policy lets only its own script run', async () => {
    const page = await ask('/', { host: '127.0.0.1' });
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.body).toContain('<title>Isthmus</title>');
  });

  test('unknown hosts and bad queries are problems with a remedy', async () => {
    const answer = await ask('/api/v1/services/nobody.test', { host: '127.0.0.1' });
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.body)).toMatchObject({ status: 404, remedy: 'isthmus explain nobody.test' });
    expect((await ask('/api/v1/explain', { host: '127.0.0.1' })).status).toBe(400);
    expect((await ask('/api/v1/export?format=xml', { host: '127.0.0.1' })).status).toBe(400);
  });

  test('what no handler sees is a problem with a remedy too', async () => {
    const host = { host: '127.0.0.1' };
    for (const [path, status] of [
      ['/nowhere', 404],
      ['/api/v1/endpoints?host=a&host=b', 400],
      ['/api/v1/explain?q=a&q=b', 400],
      ['/api/v1/plans/%E0%A4%A', 400],
      [`/api/v1/plans/${'x'.repeat(2_000)}`, 414],
    ] as const) {
      const { body, headers } = await ask(path, host);
      expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String), remedy: expect.any(String) });
      expect(headers['content-type']).toContain('application/problem+json');
    }
    const post = async (type: string, body: string): Promise<unknown> => {
      const headers = { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': type };
      return (await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans`, { method: 'POST', headers, body })).json();
    };
    expect(await post('application/json', '{')).toMatchObject({ status: 400, remedy: expect.any(String) });
    expect(await post('text/csv', 'a,b')).toMatchObject({ status: 415, remedy: expect.stringContaining('application/yaml') });
    expect(await post('application/json', JSON.stringify('x'.repeat(100_000)))).toMatchObject({ status: 413 });
  });

  test('a report of another replica is refused for good: it shares its ledger with nobody', async () => {
    const answer = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/replica/registrations`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ replica: 'a', seq: 0, changes: [] }),
    });
    expect([answer.status, await answer.json()]).toEqual([409, expect.objectContaining({ title: 'No replicas' })]);
  });

  test('exports what it publishes as ServiceEntries', async () => {
    const { body } = await ask('/api/v1/export?format=istio', { host: '127.0.0.1' });
    expect(body).toContain('kind: ServiceEntry');
    expect(body).toContain('payments.eureka');
  });

  test('metrics name every scope and its state', async () => {
    const { body } = await ask('/metrics', { host: '127.0.0.1' });
    expect(body).toMatch(/isthmus_source_scopes\{source="old".*state="live".*\} 1/);
    expect(body).toMatch(/isthmus_ready\{.*\} 1|isthmus_ready 1/);
  });

  test('tells live events when something changed', async () => {
    const events = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/events`);
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    await client.register('live', 8085);
    while (!text.includes('"services":2')) text += (await reader?.read())?.value ?? '';
    await reader?.cancel();
    expect(text).toContain('event: summary');
    await client.deregister('live', 8085);
    await until('it is gone', async () => !(await hosts()).includes('live.eureka'));
  });

  test('holds a mass removal after the registry restarted empty, and lets it through when told', async () => {
    for (let n = 0; n < 12; n += 1) await client.register('many', 9000 + n);
    await until('all are there', async () =>
      (await bridge.get<ItemList<ServiceView>>('services')).items.some((s) => s.host === 'many.eureka' && s.healthy === 12),
    );
    await eureka.restart({ keepData: false });
    await until('the removal is held', async () => (await bridge.get<ItemList<HeldView>>('held')).items.length === 1);
    expect(await hosts()).toContain('many.eureka');
    await until('the log tells of it', () => /"level":40.*old: stale in 1 of 1 scopes/.test(bridge.log));
    const [held] = (await bridge.get<ItemList<HeldView>>('held')).items;
    expect(held).toMatchObject({ removing: 13, of: 13 });
    const { counts } = await bridge.get<DiagnosticList>('diagnostics');
    expect(counts['removal.held']).toBe(1);
    const released = await bridge.post(`held/${encodeURIComponent(held?.scope ?? '')}/release`, await bridge.adminToken());
    expect(await released.json()).toEqual({ released: 13 });
    await until('they are gone', async () => (await hosts()).length === 0);
  });

  describe('a changed config', () => {
    test('is in force without a restart: a second registry joins, a rule renames', async () => {
      await client.register('payments', 8080);
      await until('it is there', async () => (await hosts()).includes('payments.eureka'));
      await bridge.configure([registry()], { merge: { hosts: [{ services: 'old/*/*/payments', host: 'pay.internal' }] } });
      await until('the rule is in force', async () => (await hosts()).join() === 'pay.internal');
      await bridge.configure([registry(), registry('second')]);
      await until(
        'both are live',
        async () => (await bridge.get<ItemList<SourceView>>('sources')).items.filter((s) => s.state === 'live').length === 2,
      );
      await bridge.configure([registry()]);
      await until('the second is gone', async () => (await bridge.get<ItemList<SourceView>>('sources')).items.length === 1);
    });

    test('that is not valid changes nothing and says so with line and column', async () => {
      await writeFile(join(bridge.directory, 'isthmus.yaml'), 'version: 1\nmeshId: test\nregistries: []\nnonsense: true\n');
      await until(
        'it is reported',
        async () => ((await bridge.get<DiagnosticList>('diagnostics')).counts['config.reload'] ?? 0) > 0,
      );
      const { items } = await bridge.get<DiagnosticList>('diagnostics');
      expect(items.filter((d) => d.code === 'config.reload').map((d) => d.where)).toContainEqual(
        expect.stringMatching(/isthmus\.yaml:4:1$/),
      );
      expect(await hosts()).toEqual(['payments.eureka']);
      await bridge.configure([registry()]);
      await until(
        'it is over',
        async () => ((await bridge.get<DiagnosticList>('diagnostics')).counts['config.reload'] ?? 0) === 0,
      );
    });
  });

  test('a second bridge on the same ledger is refused, and says whose it is', async () => {
    const { code, log } = await BridgeProcess.beside(bridge).runToExit();
    expect(code).toBe(1);
    expect(log).toMatch(/another bridge \(pid \d+\) writes this ledger/);
    expect(await hosts()).toEqual(['payments.eureka']);
  });

  test('a port that is taken is named, with what to do', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const second = await BridgeProcess.prepare([registry()], { control: { listen: `127.0.0.1:${port}` } });
    const { code, log } = await second.runToExit();
    expect(code).toBe(1);
    expect(log).toContain(`cannot listen on 127.0.0.1:${port}`);
    expect(log).toContain('control.listen');
    await second.close();
    squatter.close();
  });

  test('port 0 takes a free one, and the log says which', async () => {
    const any = { listen: '127.0.0.1:0' };
    const second = await BridgeProcess.prepare([registry()], { control: any, outputs: { xds: any, mcp: any } });
    try {
      const portOf = (name: string) => Number(new RegExp(`${name} listens on 127\\.0\\.0\\.1:(\\d+)`).exec(second.log)?.[1] ?? 0);
      await second.run(async () => ['control', 'xds', 'mcp'].every((name) => portOf(name) > 0));
      expect((await fetch(`http://127.0.0.1:${portOf('control')}/healthz`)).status).toBe(200);
      expect(new Set(['control', 'xds', 'mcp'].map(portOf)).size).toBe(3);
      for (const name of ['xds', 'mcp']) await connects(portOf(name));
    } finally {
      await second.close();
    }
  });
});

function connects(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
