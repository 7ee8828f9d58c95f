import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { HeldView, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { freePorts, startEnvoy, startEureka } from '@isthmus/servers';
import type { EnvoyServer, EurekaServer } from '@isthmus/servers';
import { stringify } from 'yaml';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import type { CliOutcome } from './support/cli.ts';
import { callEgress } from './support/egress.ts';
import { EurekaClient } from './support/eureka-client.ts';

const HOST = 'payments.eureka';
const NODE = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';
const PROXY_CONFIG = `apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: { name: web, namespace: default }
spec: { selector: { matchLabels: { app: web } }, concurrency: 3, environmentVariables: { ISTIO_META_ZONE_HINT: b } }
`;

describe('isthmus, built, beside a real registry, bridge and Envoy', () => {
  let eureka: EurekaServer;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress' | 'metrics'>;
  let a: Backend;
  let b: Backend;

  const isthmus = (...args: readonly string[]): Promise<CliOutcome> =>
    startCli(args, { cwd: bridge.directory, env: { ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}` } }).ended;

  const giveRules = async (text: string): Promise<void> => {
    const file = join(bridge.directory, 'istio.d/proxies.yaml');
    await writeFile(`${file}.tmp`, text);
    await rename(`${file}.tmp`, file);
  };

  beforeAll(async () => {
    [a, b] = await Promise.all([Backend.start('a'), Backend.start('b')]);
    eureka = await startEureka();
    const client = new EurekaClient(eureka.ports.http);
    await client.register('payments', a.port, { metadata: { version: 'v1' } });
    await client.register('payments', b.port, { status: 'OUT_OF_SERVICE' });
    await client.register('ledger', a.port, { metadata: { weight: '-1' } });
    const url = `http://127.0.0.1:${eureka.ports.http}/eureka`;
    bridge = await BridgeProcess.prepare(
      [{ name: 'old', kind: 'eureka', servers: [url], pollInterval: '200ms', restartGrace: '1s' }],
      {
        guard: { minEndpoints: 0, confirmAfter: '1h' },
        istio: { dir: 'istio.d' },
      },
    );
    await mkdir(join(bridge.directory, 'istio.d'));
    await giveRules(PROXY_CONFIG);
    await bridge.run();
    const [admin = 0, egress = 0, metrics = 0] = await freePorts(3);
    const at = (port: number) => `127.0.0.1:${port}`;
    const where = ['--xds', at(bridge.ports.xds), '--egress', at(egress), '--admin', at(admin), '--metrics', at(metrics)];
    const bootstrap = await isthmus('proxy', 'bootstrap', '--node', NODE, ...where);
    expect(bootstrap).toMatchObject({ code: 0, stderr: '' });
    envoy = await startEnvoy({
      bootstrap: bootstrap.stdout,
      portNames: ['egress', 'metrics'],
      ports: { admin, egress, metrics },
      readyWhen: 'live',
    });
  }, 600_000);

  afterAll(async () => {
    await envoy?.stop();
    await bridge?.close();
    await eureka?.stop();
    await Promise.all([a?.stop(), b?.stop()]);
  }, 60_000);

  test('get lists sources, services and endpoints as the registry has them', async () => {
    const sources = await isthmus('get', 'sources');
    expect(sources).toMatchObject({ code: 0, stderr: '' });
    expect(sources.stdout).toMatch(/^SOURCE +KIND .*\nistio .*\nold +eureka +- +live +now +2 +3 /);
    const services = await isthmus('get', 'services', '-o', 'json');
    expect(JSON.parse(services.stdout)).toMatchObject({
      items: [{ host: 'ledger.eureka' }, { host: HOST, endpoints: 2, healthy: 1 }],
    });
    const endpoints = await isthmus('get', 'endpoints', HOST);
    expect(endpoints.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${a.port} .* healthy +yes`));
    expect(endpoints.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${b.port} .* disabled +no`));
  });

  test('get names what is not there, and ends with 1', async () => {
    expect(await isthmus('get', 'services', 'nobody.eureka')).toMatchObject({ code: 1, stdout: '' });
    expect(await isthmus('get', 'sources', 'nobody')).toMatchObject({ code: 1, stdout: '' });
    expect(await isthmus('proxy', 'config', 'nobody')).toMatchObject({ code: 1, stdout: '' });
  });

  test('explain tells of a host and of an address why it gets traffic or not', async () => {
    const host = await isthmus('explain', HOST);
    expect(host.code).toBe(0);
    expect(host.stdout).toMatch(
      /^payments\.eureka: 1 of 2 endpoints takes traffic on port 80 \(http\)\n├─ comes from old\/\/\/\S+ \(eureka, live\)/,
    );
    expect(host.stdout).toMatch(/xDS {2}Cluster {2}outbound\|80\|\|payments\.eureka {2}version \w+/);
    const address = await isthmus('explain', `127.0.0.1:${b.port}`);
    expect(address.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${b.port} +gets nothing: disabled at the registry .*← asked for`));
    const nothing = await isthmus('explain', 'payment.eureka');
    expect([nothing.code, nothing.stdout]).toEqual([1, expect.stringMatching(/^nothing is known of payment\.eureka\n/)]);
  });

  test('get diagnostics names the record that is wrong, and what to do', async () => {
    const { code, stdout } = await isthmus('get', 'diagnostics', 'weight.invalid');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/\nerror +weight\.invalid +old\/\/\/\S*ledger\S* .*set a weight between 0 and 10000/i),
    ]);
  });

  test('the Envoy of `proxy bootstrap` reaches the service, and `proxy` shows what it has', async () => {
    await until('every type is acknowledged', async () => {
      const { stdout } = await isthmus('proxy', 'status', NODE);
      return ['Cluster', 'Listener', 'RouteConfiguration', 'ClusterLoadAssignment'].every((type) =>
        new RegExp(` ${type} .* acked `).test(stdout),
      );
    });
    await until('the call arrives', async () => (await callEgress(envoy.ports.egress, HOST)).status === 200);
    const config = await isthmus('proxy', 'config', NODE);
    expect(config.stdout).toMatch(/\nClusterLoadAssignment +outbound\|80\|\|payments\.eureka +\w+/);
  });

  test('`proxy bootstrap` asks the bridge which ProxyConfigs are in force; a file that breaks takes none away', async () => {
    const bootstrap = (...labels: readonly string[]) =>
      isthmus('proxy', 'bootstrap', '--node', NODE, '--xds', '127.0.0.1:15012', '--ask-bridge', ...labels);
    expect(await bootstrap('--label', 'app=web')).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: expect.stringMatching(/ --concurrency 3\n[^]*ZONE_HINT: b\n/),
    });
    expect(await bootstrap('--label', 'app=other')).toMatchObject({
      ...{ code: 0, stderr: '' },
      stdout: expect.not.stringMatching(/--concurrency|ZONE_HINT/),
    });
    await giveRules('a: [');
    let last: CliOutcome | undefined;
    await until('it is told', async () => {
      last = await bootstrap('--label', 'app=web');
      return last.stderr !== '';
    });
    expect(last).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(' --concurrency 3\n'),
      stderr: expect.stringMatching(/^warning: .*istio\.d\/proxies\.yaml:1:5: .*; what it said before stays in force/),
    });
    await giveRules(PROXY_CONFIG);
    const wrong = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/proxies/settings?namespace=default&label=app`);
    expect([wrong.status, await wrong.json()]).toMatchObject([400, { title: 'No workload', remedy: expect.any(String) }]);
  });

  test('export prints the ServiceEntries as files', async () => {
    const { code, stdout } = await isthmus('export', '--format', 'istio');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/kind: ServiceEntry\n(?:.*\n)*.*- payments\.eureka/)]);
  });

  test('doctor and check look at the config of the bridge', async () => {
    expect(await isthmus('check', '-c', 'isthmus.yaml')).toMatchObject({ code: 0 });
    const doctor = await isthmus('doctor', '-c', 'isthmus.yaml', '-o', 'json');
    expect(doctor.code).toBe(0);
    expect(JSON.stringify(JSON.parse(doctor.stdout))).toContain('"level":"ok"');
  });

  test('release-held lets a mass deletion through, with the token that the bridge made', async () => {
    await eureka.restart({ keepData: false });
    await until('the removal is held', async () => (await bridge.get<ItemList<HeldView>>('held')).items.length > 0);
    const held = await isthmus('get', 'held', '-o', 'json');
    const [scope] = (JSON.parse(held.stdout) as ItemList<HeldView>).items;
    expect(scope).toMatchObject({ removing: 3, of: 3 });
    expect((await isthmus('get', 'endpoints', HOST)).code).toBe(0);
    const released = await isthmus('release-held', scope?.scope ?? '');
    expect(released).toMatchObject({ code: 0, stdout: `released 3 endpoints of ${scope?.scope}\n` });
    expect((await isthmus('explain', HOST)).code).toBe(1);
    expect((await isthmus('release-held', scope?.scope ?? '')).code).toBe(1);
  });
});

describe('isthmus without a bridge', () => {
  let cwd: string;
  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'isthmus-cli-'));
  });
  afterAll(() => rm(cwd, { recursive: true }));

  test('check prints every error with its place and ends with 1', async () => {
    await writeFile(join(cwd, 'bad.yaml'), 'version: 1\nmeshID: a\nregistries: [{ name: a, kind: nacoss }]\n');
    const { code, stdout, stderr } = await startCli(['check', '-c', 'bad.yaml'], { cwd }).ended;
    expect(code).toBe(1);
    expect(`${stdout}${stderr}`).toMatch(
      /^bad\.yaml:1:1: meshId is missing\n[^]*bad\.yaml:2:1: [^]*did you mean meshId\?[^]*bad\.yaml:3:31: [^]*did you mean nacos\?/,
    );
  });

  test('serve is the bridge: SIGTERM ends it with 0 within 5 s', async () => {
    const [control = 0] = await freePorts(1);
    const config = {
      version: 1,
      meshId: 'a',
      registries: [{ name: 'gone', kind: 'eureka', servers: ['http://127.0.0.1:1/eureka'] }],
      control: { listen: `127.0.0.1:${control}` },
    };
    await writeFile(join(cwd, 'isthmus.yaml'), stringify(config));
    const serve = startCli(['serve', '-c', 'isthmus.yaml'], { cwd });
    try {
      // Two processes are started for it, which takes a busy machine more than 30 s.
      await until(
        'the control API answers',
        async () => {
          const { code } = await startCli(['get', 'sources', '--control', `http://127.0.0.1:${control}`], { cwd }).ended;
          return code === 0;
        },
        90_000,
      );
      serve.kill('SIGTERM');
      let ended: CliOutcome | undefined;
      void serve.ended.then((outcome) => (ended = outcome));
      await until('it has ended', () => ended !== undefined, 5_000);
      expect(ended).toMatchObject({ code: 0 });
    } finally {
      serve.kill('SIGKILL'); // nothing to a process that has ended
      await serve.ended;
    }
  }, 120_000);

  test('a bridge that is not there ends reads with 3', async () => {
    const { code, stdout, stderr } = await startCli(['get', 'sources', '--control', 'http://127.0.0.1:1'], { cwd }).ended;
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/isthmus serve -c FILE/);
  });
});
