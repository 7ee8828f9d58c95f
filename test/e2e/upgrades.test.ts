// Agent, Envoy and bridge are each replaced under load, while the application's process goes on.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentView, ItemList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, EnvoyServer, NacosPorts } from '@isthmus/servers';
import { AgentCaller } from './support/agent-caller.ts';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { hostsOf, startSidecar } from './support/envoy.ts';

const HOST = 'orders.default-group.public.nacos';
const BUILT = join(import.meta.dirname, '../../dist/packages/agent');
/** Another build, of an earlier contract. */
const EARLIER = join(import.meta.dirname, 'support/earlier-agent');
const OLD = '0.1.0';
const NEW = '0.3.0';
const PLAN = `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: orders }
spec:
  target: ${HOST}
  consumers: [web]
  steps: [{ rung: traffic, for: 1h }]
`;

describe('under load, with the application’s process and files as they are', () => {
  let nacos: Borrowed<NacosPorts>;
  let bridge: BridgeProcess;
  let envoy: EnvoyServer<'egress'>;
  let backend: Backend;
  let caller: AgentCaller;
  let directory: string;
  let pid: number | undefined;
  const served = { sdk: 0, mesh: 0 };

  const more = async (way: 'sdk' | 'mesh', calls: number): Promise<void> => {
    const from = served[way];
    await until(`${calls} more calls by ${way}; the agent said ${caller.log}`, () => served[way] >= from + calls, 60_000);
  };
  const agentVersion = async (): Promise<string | undefined> => {
    const { items } = await bridge.get<ItemList<AgentView>>('agents');
    return items.find(({ connectedSince }) => connectedSince !== undefined)?.agent;
  };
  /** The package as it is built, under a version two minor ones on: each of ours says 0.1.0 yet. */
  const publish = async (version: string, built: string): Promise<void> => {
    const folder = join(directory, `agent-${version}`);
    await cp(built, folder, { recursive: true });
    for (const file of ['package.json', 'agent/src/version.js']) {
      const text = await readFile(join(folder, file), 'utf8');
      expect(text).toContain('0.1.0');
      await writeFile(join(folder, file), text.replaceAll('0.1.0', version));
    }
  };
  const unpacked = async (): Promise<string> => {
    const packed = join(EARLIER, 'agent.tgz');
    const sum = createHash('sha256').update(await readFile(packed)).digest('hex'); // prettier-ignore
    expect(await readFile(join(EARLIER, 'LOCK'), 'utf8')).toContain(`sha256 ${sum}`);
    await promisify(execFile)('tar', ['-xzf', packed, '-C', directory]);
    await rename(join(directory, 'agent'), join(directory, 'earlier'));
    return join(directory, 'earlier');
  };
  const folderOf = (version: string): string => join(directory, `agent-${version}`);
  /** As an operator does: the link is replaced in one step. */
  const lead = async (to: string): Promise<void> => {
    await symlink(to, join(directory, 'next'));
    await rename(join(directory, 'next'), join(directory, 'agent'));
  };
  const unhurt = async (): Promise<void> => {
    const { calls, failures } = await caller.report();
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(100);
    expect(caller.pid).toBe(pid);
  };

  beforeAll(async () => {
    nacos = await borrowNacos2();
    backend = await Backend.start('a');
    backend.onCall = (headers) => void (served[headers['x-request-id'] === undefined ? 'sdk' : 'mesh'] += 1);
    const query = new URLSearchParams({ serviceName: 'orders', ip: '127.0.0.1', port: String(backend.port), ephemeral: 'false' });
    const registered = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance?${query}`, { method: 'POST' });
    expect(registered.status).toBe(200);
    directory = await mkdtemp(join(tmpdir(), 'isthmus-upgrades-'));
    await writeFile(join(directory, 'tokens'), 'web a-token-of-the-service-web\n', { mode: 0o600 });
    await writeFile(join(directory, 'web.token'), 'a-token-of-the-service-web', { mode: 0o600 });
    bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }], {
      agents: { tokensFile: join(directory, 'tokens'), ping: '1s', reportEvery: '1s' },
    });
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'web', {}, { version: '1.38.3' });
    await until('the instance is in Envoy', async () => (await hostsOf(envoy, `outbound|80||${HOST}`)).length === 1);
    await publish(OLD, await unpacked());
    await publish(NEW, BUILT);
    await lead(folderOf(OLD));
    const env = {
      ISTHMUS_AGENT_LINK: join(directory, 'agent'),
      ISTHMUS_CONTROL: `http://127.0.0.1:${bridge.ports.control}`,
      ISTHMUS_SERVICE: 'web',
      ISTHMUS_TOKEN_FILE: join(directory, 'web.token'),
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
    };
    caller = AgentCaller.start(nacos.ports.http, 'orders', env, join(directory, 'agent/agent/src/register.js'));
    pid = caller.pid;
    await more('sdk', 20);
    const applied = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/yaml' },
      body: PLAN,
    });
    expect(applied.status).toBe(200);
    await more('mesh', 50);
  }, 300_000);

  afterAll(async () => {
    await caller?.stop();
    await envoy?.stop();
    await bridge?.close();
    await nacos?.giveBack();
    await backend?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('the agent is replaced by one two minor versions on, and by the one before again: not a call fails or leaves the sidecar', async () => {
    await unhurtFrom();
    expect(await agentVersion()).toBe(OLD);
    for (const version of [NEW, OLD, NEW]) {
      const direct = served.sdk;
      await lead(folderOf(version));
      await until(
        `the bridge sees ${version}; the agent said ${caller.log}`,
        async () => (await agentVersion()) === version,
        30_000,
      );
      await more('mesh', 200);
      expect(served.sdk).toBe(direct);
      await unhurt();
    }
  }, 120_000);

  test('a link that leads to something else changes nothing, and is said', async () => {
    await lead(tmpdir());
    await until('it is said', () => caller.log.includes('upgrade-refused'));
    await more('mesh', 100);
    expect(await agentVersion()).toBe(NEW);
    await lead(folderOf(NEW));
  }, 60_000);

  test('Envoy is replaced by one two minor versions on: meanwhile calls are the SDK’s, and none fails', async () => {
    const { ports } = envoy;
    await unhurtFrom();
    await envoy.stop();
    await more('sdk', 100);
    envoy = await startSidecar(bridge.ports.xds, 'DELTA_GRPC', 'web', {}, { version: '1.40.0', ports });
    await more('mesh', 200);
    await unhurt();
  }, 120_000);

  test('the bridge is replaced: calls stay with the sidecar, and both sides go on with the new one', async () => {
    await unhurtFrom();
    const direct = served.sdk;
    await bridge.end('SIGTERM');
    await more('mesh', 100);
    await bridge.run();
    await until('the agent is back', async () => (await agentVersion()) === NEW, 60_000);
    await more('mesh', 200);
    expect(served.sdk).toBe(direct);
    await unhurt();
  }, 120_000);

  /** From here on failures count for the step at hand. */
  async function unhurtFrom(): Promise<void> {
    await caller.report();
  }
});
