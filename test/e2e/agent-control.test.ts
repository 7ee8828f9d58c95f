// Agents and two replicas of the bridge whose control API speaks TLS by a private authority: authorities, tokens, and who leads.
import { copyFile, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { AgentView, DiagnosticList, ItemList, PlanView, ReplicaView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer } from '@isthmus/servers';
import { Authority } from './support/authority.ts';
import { BridgeProcess } from './support/bridge.ts';
import { Counting } from './support/matrix/counting.ts';
import { MatrixApp } from './support/matrix/matrix-app.ts';
import { SecureControl } from './support/secure-control.ts';
import { TcpProxy } from './support/tcp-proxy.ts';

jest.setTimeout(180_000);

const HOST = 'orders.dc1.consul';
const ADMIN = 'a-token-that-both-replicas-accept';
const TOKENS = { web: 'a-token-of-the-service-web', billing: 'a-token-of-the-service-billing' };
const PLAN = `
apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: ${HOST}
  consumers: [web]
  steps:
    - { rung: traffic, for: 1s, gate: { samples: '>= 30' } }
    - { rung: resilience, for: 1h }
`;

interface Replica {
  readonly bridge: BridgeProcess;
  readonly control: SecureControl;
  /** Where agents come in, so that their connections can be counted and ended. */
  readonly door: TcpProxy;
}

describe('agents at two replicas that speak TLS by a private authority', () => {
  let directory: string;
  let consul: ConsulServer;
  let authority: Authority;
  let next: Authority;
  let address: string;
  let egressAt: string;
  const instance = new Counting();
  const egress = new Counting();
  const replicas: Replica[] = [];
  const apps: MatrixApp[] = [];
  let web: MatrixApp;

  const at = (name: string): string => join(directory, name);
  /** In one step, as who renews certificates has to. */
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(at(`${name}.new`), text, { mode: 0o600 });
    await rename(at(`${name}.new`), at(name));
  };
  const statusOf = ({ control }: Replica): Promise<ReplicaView> => control.get<ReplicaView>('replica');
  /** @returns those that lead and follow, among those that answer */
  const who = async (): Promise<{ readonly leader: Replica; readonly follower: Replica }> => {
    let found: { readonly leader: Replica; readonly follower: Replica } | undefined;
    await until('one leads, the other follows it', async () => {
      const views = await Promise.all(replicas.map(statusOf));
      const leader = replicas[views.findIndex(({ role }) => role === 'leader')];
      const follower = replicas[views.findIndex(({ role }) => role === 'follower')];
      if (leader === undefined || follower === undefined || views[0]?.leader !== views[1]?.leader) return false;
      found = { leader, follower };
      return true;
    });
    return found as { readonly leader: Replica; readonly follower: Replica };
  };
  const run = ({ bridge, control }: Replica): Promise<void> => {
    const isReady = async (): Promise<boolean> => (await control.ask('GET', 'replica').catch(() => undefined))?.status === 200;
    return bridge.run(isReady, [], { NODE_EXTRA_CA_CERTS: at('authorities.pem') });
  };
  /** A service with the agent, at a replica. */
  const start = async ({ door }: Replica, caFile: string, token: keyof typeof TOKENS): Promise<MatrixApp> => {
    const app = await MatrixApp.start({
      ...{ node: process.execPath, modules: 'cjs', host: HOST, instance: address },
      clients: [{ id: 'http', kind: 'http' }],
      env: {
        ISTHMUS_CONTROL: `https://127.0.0.1:${door.port}`,
        ISTHMUS_SERVICE: 'web',
        ISTHMUS_TOKEN_FILE: at(`${token}.token`),
        ISTHMUS_CA_FILE: at(caFile),
        ISTHMUS_EGRESS: egressAt,
      },
    });
    apps.push(app);
    return app;
  };
  /** Looks until it is so; the service calls at every look, and none of its calls may fail. */
  const calling = async (what: string, app: MatrixApp, done: () => Promise<boolean> | boolean): Promise<void> =>
    until(`${what}; the agent said ${app.log}`, async () => {
      expect(await app.call(['http'], 5)).toEqual({ http: [] });
      return done();
    }, 60_000); // prettier-ignore
  const goesBy = async (app: MatrixApp): Promise<readonly number[]> => {
    for (const server of [instance, egress]) server.take([]);
    expect(await app.call(['http'], 10)).toEqual({ http: [] });
    return [instance, egress].map((server) => server.take(['http'])['http'] ?? 0);
  };
  const agentsAt = async ({ control }: Replica): Promise<readonly AgentView[]> =>
    (await control.get<ItemList<AgentView>>('agents')).items;
  const told = (app: MatrixApp): number => app.log.split('control-unusable').length - 1;
  const accepted = (): number => replicas.reduce((sum, { door }) => sum + door.accepted, 0);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-agent-control-'));
    [authority, next] = await Promise.all([Authority.make(directory, 'first'), Authority.make(directory, 'next')]);
    const { certFile, keyFile } = await authority.issue('control', 'IP:127.0.0.1');
    await copyFile(certFile, at('control.crt'));
    await copyFile(keyFile, at('control.key'));
    const both = `${await readFile(authority.certFile, 'utf8')}${await readFile(next.certFile, 'utf8')}`;
    await writeFile(at('authorities.pem'), both);
    await copyFile(authority.certFile, at('web.pem'));
    await writeFile(at('admin'), `${ADMIN}\n`, { mode: 0o600 });
    await writeFile(at('agents'), `web ${TOKENS.web}\nbilling ${TOKENS.billing}\n`, { mode: 0o600 });
    for (const [name, token] of Object.entries(TOKENS)) await writeFile(at(`${name}.token`), token, { mode: 0o600 });
    consul = await startConsul();
    [address, egressAt] = await Promise.all([instance.listen(), egress.listen()]);
    const body = JSON.stringify({ Name: 'orders', Address: '127.0.0.1', Port: Number(address.split(':')[1]) });
    const consulUrl = `http://127.0.0.1:${consul.ports.http}`;
    expect((await fetch(`${consulUrl}/v1/agent/service/register`, { method: 'PUT', body })).status).toBe(200);
    const registries = [{ name: 'hq', kind: 'consul', servers: [consulUrl] }];
    for (let n = 0; n < 2; n += 1) {
      const bridge = await BridgeProcess.prepare(registries);
      const listen = `127.0.0.1:${bridge.ports.control}`;
      await bridge.configure(registries, {
        control: { listen, tls: { certFile: at('control.crt'), keyFile: at('control.key') }, auth: { tokensFile: at('admin') } },
        agents: { tokensFile: at('agents'), ping: '1s', reportEvery: '1s' },
        ledger: { replicas: 2, lease: '3s', consul: { registry: 'hq' } },
      });
      const control = new SecureControl(bridge.ports.control, ADMIN, () => readFileSync(at('authorities.pem'), 'utf8'));
      replicas.push({ bridge, control, door: await TcpProxy.start(bridge.ports.control) });
    }
    await Promise.all(replicas.map(run));
  }, 300_000);

  afterEach(async () => {
    await Promise.all(apps.filter((app) => app !== web).map((app) => app.stop()));
  });

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    await Promise.all(replicas.map(({ bridge }) => bridge.close()));
    await Promise.all(replicas.map(({ door }) => door.close()));
    await consul?.stop();
    instance.close();
    egress.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('one at the follower goes by the plans of the leader, and what it reports decides gates there', async () => {
    const { leader, follower } = await who();
    web = await start(follower, 'web.pem', 'web');
    await calling('it is there', web, async () => (await agentsAt(follower)).length === 1);
    expect(await goesBy(web)).toEqual([10, 0]);
    expect(await leader.control.ask('POST', 'plans', PLAN)).toMatchObject({ status: 200 });
    await calling('the second step', web, async () => (await web.rungOf(HOST)) === 'resilience');
    expect(await goesBy(web)).toEqual([0, 10]);
    const says = async (replica: Replica) =>
      (await agentsAt(replica)).map(({ service, acknowledged, targets }) => [service, acknowledged, targets[0]?.rung]);
    for (const replica of [leader, follower])
      await calling('it has said so', web, async () => (await says(replica)).join() === 'web,true,resilience');
    expect(told(web)).toBe(0);
    const { items } = await follower.control.get<DiagnosticList>('diagnostics');
    expect(items.filter(({ code }) => code.startsWith('agent.'))).toEqual([]);
  });

  test('one that trusts another authority stays on the SDK and says so once; with the right file it comes by itself', async () => {
    const { follower } = await who();
    await copyFile(next.certFile, at('other.pem'));
    const other = await start(follower, 'other.pem', 'web');
    const before = accepted();
    await calling('it has tried four times', other, () => accepted() >= before + 4);
    expect(told(other)).toBe(1);
    expect(other.log).toMatch(/certificate/);
    expect(other.log).toMatch(/ISTHMUS_CA_FILE/);
    expect(await goesBy(other)).toEqual([10, 0]);
    await write('other.pem', 'no certificate at all');
    const garbled = accepted();
    await calling('it has tried again', other, () => accepted() > garbled);
    await rm(at('other.pem'));
    await write('other.pem', await readFile(authority.certFile, 'utf8'));
    await calling('it is there', other, async () => (await other.rungOf(HOST)) === 'resilience');
    expect(await goesBy(other)).toEqual([0, 10]);
    expect(told(other)).toBe(1);
  });

  test('goes on through an exchange of the authority: first both, then the certificate, then the new one alone', async () => {
    const { follower } = await who();
    const isBack = async (since: number): Promise<boolean> =>
      (await agentsAt(follower)).some(({ connectedSince = 0 }) => connectedSince > since);
    const reconnects = async (how: () => Promise<void>): Promise<void> => {
      const since = Math.max(...(await agentsAt(follower)).map(({ connectedSince = 0 }) => connectedSince));
      await how();
      follower.door.heal();
      await calling('it is back', web, () => isBack(since));
      expect(await web.rungOf(HOST)).toBe('resilience');
      expect(await goesBy(web)).toEqual([0, 10]);
    };
    await reconnects(async () => write('web.pem', await readFile(at('authorities.pem'), 'utf8')));
    await reconnects(async () => {
      const { certFile, keyFile } = await next.issue('control', 'IP:127.0.0.1');
      await write('control.crt', await readFile(certFile, 'utf8'));
      await write('control.key', await readFile(keyFile, 'utf8'));
      const onlyNext = replicas.map(({ bridge }) => new SecureControl(bridge.ports.control, ADMIN, () => readFileSync(next.certFile, 'utf8'))); // prettier-ignore
      for (const control of onlyNext)
        await until('it shows the new certificate', async () => (await control.ask('GET', 'replica').catch(() => undefined))?.status === 200); // prettier-ignore
    });
    await reconnects(async () => write('web.pem', await readFile(next.certFile, 'utf8')));
  });

  test('one with the token of another service is turned away, by the follower too, and what it says goes nowhere', async () => {
    const { leader, follower } = await who();
    const stranger = await start(follower, 'web.pem', 'billing');
    const before = accepted();
    await calling('it has tried three times', stranger, () => accepted() >= before + 3);
    expect(told(stranger)).toBe(1);
    expect(stranger.log).toContain('it answered 403: the token is not that of this service');
    expect(await goesBy(stranger)).toEqual([10, 0]);
    const report = { schema: 1, service: 'web', instance: 'stranger', agent: '0', node: 'v0', planVersion: '', targets: [], diagnostics: [] }; // prettier-ignore
    for (const { control } of [follower, leader]) {
      const ask = async (token: string) => (await control.ask('POST', 'agents/reports', JSON.stringify(report), token)).status;
      expect([await ask(TOKENS.billing), await ask(ADMIN)]).toEqual([403, 401]);
      expect((await control.ask('GET', 'agents/stream?service=web&instance=stranger', undefined, TOKENS.billing)).status).toBe(
        403,
      );
      expect((await control.ask('POST', 'plans/orders/rollback', undefined, TOKENS.billing)).status).toBe(401);
    }
    for (const replica of [leader, follower])
      expect((await agentsAt(replica)).map(({ instance: name }) => name)).not.toContain('stranger');
  });

  test('when the leader is killed the follower leads, its agents stay, and it is what they go by', async () => {
    const { leader, follower } = await who();
    const before = (await agentsAt(follower)).find(({ connectedSince }) => connectedSince !== undefined);
    await leader.bridge.end('SIGKILL');
    await calling('the other leads', web, async () => (await statusOf(follower)).role === 'leader');
    expect(await goesBy(web)).toEqual([0, 10]);
    const after = (await agentsAt(follower)).find(({ instance: name }) => name === before?.instance);
    expect(after).toMatchObject({ connectedSince: before?.connectedSince, acknowledged: true });
    expect(await follower.control.ask('POST', 'plans/orders/rollback')).toMatchObject({ status: 200 });
    await calling('it is back on the SDK', web, async () => (await web.rungOf(HOST)) === 'sdk');
    expect(await goesBy(web)).toEqual([10, 0]);
    await run(leader);
    const now = await who();
    expect(now.leader).toBe(follower);
    expect((await now.follower.control.get<ItemList<PlanView>>('plans')).items).toMatchObject([{ name: 'orders', rung: 'sdk' }]);
    // The one that has come back serves agents as well as the other.
    const late = await start(now.follower, 'web.pem', 'web');
    await calling('it is there', late, async () => (await agentsAt(now.leader)).length >= 2);
    expect(await goesBy(late)).toEqual([10, 0]);
  });
});
