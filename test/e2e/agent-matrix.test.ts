// Which Node, module system and client libraries the agent works with: every cell that the engines of both allow.
import { readFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, borrowNacos2, provide, servers, startConsul } from '@isthmus/servers';
import type { Borrowed, ConsulServer, EurekaPorts, NacosPorts } from '@isthmus/servers';
import { ROOT } from '../docs/pages.ts';
import { Authority } from './support/authority.ts';
import type { IssuedFiles } from './support/authority.ts';
import { callersOn, callsSecurely, refusedTable, registriesOn } from './support/matrix/cells.ts';
import { Counting } from './support/matrix/counting.ts';
import type { Proof } from './support/matrix/counting.ts';
import { MatrixApp } from './support/matrix/matrix-app.ts';
import type { Joining } from './support/matrix/matrix-app.ts';

const HOST = 'orders.default-group.public.nacos';
/** Of a registry that lists its instances by name, as `localhost:PORT`. */
const SECURE_HOST = 'users.default-group.public.nacos';
const CALLS = 5;
const OWN = process.versions.node;
const NODES = [servers.node.version, ...(servers.node.otherVersions ?? []), OWN];

/** As a registry's SDK would pick them: in turn. */
const IN_TURN = ['consul/dc1//orders'];

let directoryOfAll: string;
let authorityFile: string;
const proofs = new Map<'own' | 'other name' | 'other authority', Proof>();
let nacos: Borrowed<NacosPorts>;
let consul: ConsulServer;
let eureka: Borrowed<EurekaPorts>;

beforeAll(async () => {
  directoryOfAll = await mkdtemp(join(tmpdir(), 'isthmus-matrix-ca-'));
  const authority = await Authority.make(directoryOfAll, 'ca');
  authorityFile = authority.certFile;
  proofs.set('own', await proofOf(await authority.issue('own', `DNS:localhost, DNS:${SECURE_HOST}`)));
  proofs.set('other name', await proofOf(await authority.issue('users', 'DNS:users.mesh')));
  proofs.set(
    'other authority',
    await proofOf(await (await Authority.make(directoryOfAll, 'other')).issue('own', 'DNS:localhost')),
  );
  [nacos, consul, eureka] = await Promise.all([borrowNacos2(), startConsul(), borrowEureka()]);
}, 300_000);
afterAll(async () => {
  await Promise.all([nacos?.giveBack(), consul?.stop(), eureka?.giveBack()]);
  await rm(directoryOfAll, { recursive: true, force: true });
}, 60_000);

test('the page has the table of what engines do not allow', async () => {
  const page = await readFile(join(ROOT, 'docs/agent-clients.md'), 'utf8');
  const cells = (table: string): string => table.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---');
  expect(cells(page)).toContain(refusedTable(NODES));
});

describe.each(NODES.flatMap((node) => (['cjs', 'mjs'] as const).map((modules) => [node, modules] as const)))(
  'Node %s, %s',
  (version, modules) => {
    const instance = new Counting();
    const egress = new Counting();
    const second = new Counting();
    /** What is called by `https://localhost:PORT`, which the SDK would call as well. */
    let secure: string;
    let bySdk: Counting;
    const opened: Counting[] = [];
    const { clients } = callersOn(version, modules);
    const ids = clients.map(({ id }) => id);
    /** A channel is told in a turn of its own. */
    const channels = clients.flatMap(({ id, kind }) => (kind.endsWith('grpc') ? [id] : []));
    let directory: string;
    let app: MatrixApp;
    let address: string;
    let plans = 0;

    const write = async (...targets: readonly AgentTarget[]): Promise<void> => {
      const text: AgentPlan = { schema: 1, version: String((plans += 1)), targets };
      await writeFile(join(directory, 'new'), JSON.stringify(text));
      await rename(join(directory, 'new'), join(directory, 'plan.json'));
    };
    const plan = async (rung: AgentTarget['rung']): Promise<void> => {
      await write({ host: HOST, rung, addresses: [address] });
      await until(`it is at ${rung}; the agent said ${app?.log}`, async () => (await app.rungOf(HOST)) === rung, 60_000);
      const there = rung === 'sdk' ? instance : egress;
      await until(`channels are at ${rung}; the agent said ${app.log}`, async () => {
        const failed = await app.call(channels, 1);
        expect(failed).toEqual(of(channels, []));
        return Object.values(there.take(channels)).every((calls) => calls === 1);
      });
      for (const server of [instance, egress]) server.take([]);
    };
    /** A server by TLS. */
    const open = async (as: 'own' | 'other name' | 'other authority'): Promise<{ server: Counting; at: string }> => {
      const server = new Counting(proofs.get(as));
      opened.push(server);
      return { server, at: await server.listen() };
    };
    const of = <T>(which: readonly string[], value: T) => Object.fromEntries(which.map((id) => [id, value]));

    beforeAll(async () => {
      const node = version === OWN ? process.execPath : await nodeOf(version);
      directory = await mkdtemp(join(tmpdir(), 'isthmus-matrix-'));
      address = await instance.listen();
      await write();
      const { server, at } = await open('own');
      bySdk = server;
      secure = `localhost:${at.split(':')[1]}`;
      const env = {
        ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
        ISTHMUS_EGRESS: await egress.listen(),
        NODE_EXTRA_CA_CERTS: authorityFile,
        NODE_OPTIONS: '--dns-result-order=ipv4first', // the servers have no IPv6
      };
      const told = await Promise.all(clients.map(async (client) => ({ ...client, proto: await protoOf(directory, client.id) })));
      app = await MatrixApp.start({
        node,
        modules,
        clients: told,
        host: HOST,
        instance: address,
        secure: { at: secure, host: SECURE_HOST },
        env,
      });
    }, 300_000);

    afterAll(async () => {
      await app?.stop();
      for (const server of [instance, second, egress, ...opened]) server.close();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    });

    test('every client that runs there moves to the sidecar and back, each call is made once and none fails', async () => {
      expect(app.version).toBe(`v${version}`);
      expect(ids.length).toBeGreaterThanOrEqual(14);
      await plan('sdk');
      expect(await app.call(ids, CALLS)).toEqual(of(ids, []));
      expect([instance.take(ids), egress.take(ids)]).toEqual([of(ids, CALLS), of(ids, 0)]);
      for (const rung of ['traffic', 'resilience'] as const) {
        await plan(rung);
        expect(await app.call(ids, CALLS)).toEqual(of(ids, []));
        expect([instance.take(ids), egress.take(ids)]).toEqual([of(ids, 0), of(ids, CALLS)]);
      }
      expect([...egress.hosts]).toEqual([`${HOST}:80`]);
      await plan('sdk');
      expect(await app.call(ids, CALLS)).toEqual(of(ids, []));
      expect([instance.take(ids), egress.take(ids)]).toEqual([of(ids, CALLS), of(ids, 0)]);
    }, 180_000);

    test('at discovery every client goes to the instances that the agent picks, each call is made once and none fails', async () => {
      const other = await second.listen();
      const target = { host: HOST, addresses: [address, other], sdkNames: IN_TURN } as const;
      await write({ ...target, rung: 'discovery' });
      await until(`it is at discovery; the agent said ${app.log}`, async () => (await app.rungOf(HOST)) === 'discovery', 60_000);
      const there = new Set<string>();
      await until(`channels go to both; the agent said ${app.log}`, async () => {
        expect(await app.call(channels, 2)).toEqual(of(channels, []));
        for (const [id, calls] of Object.entries(second.take(channels))) if (calls > 0) there.add(id);
        return there.size === channels.length;
      });
      for (const server of [instance, second, egress]) server.take([]);
      expect(await app.call(ids, CALLS)).toEqual(of(ids, []));
      const [first, more] = [instance.take(ids), second.take(ids)];
      expect(Object.fromEntries(ids.map((id) => [id, (first[id] ?? 0) + (more[id] ?? 0)]))).toEqual(of(ids, CALLS));
      for (const calls of [first, more]) expect(mapOf(calls, (count) => count > 0)).toEqual(of(ids, true));
      expect(egress.take(ids)).toEqual(of(ids, 0));
      await plan('sdk');
    }, 180_000);

    test('so it is by TLS: a certificate is checked by the name that was called, and where it is not good the call goes where the SDK sent it', async () => {
      const byTls = clients.filter(callsSecurely);
      const https = byTls.flatMap(({ id, kind }) => (kind === 'grpc' ? [] : [id]));
      const channels = byTls.flatMap(({ id, kind }) => (kind === 'grpc' ? [id] : []));
      const all = [...https, ...channels];
      expect(https.length).toBeGreaterThanOrEqual(9);
      const at = async (rung: AgentTarget['rung'], ...addresses: readonly string[]): Promise<void> => {
        await write({ host: SECURE_HOST, port: 443, rung, addresses, sdkNames: IN_TURN });
        await until(
          `it is at ${rung}; the agent said ${app.log}`,
          async () => (await app.planVersion()) === String(plans),
          60_000,
        );
        expect(await app.rungOf(SECURE_HOST)).toBe(rung);
      };
      await at('sdk', secure);
      expect(await app.call(https, CALLS, true)).toEqual(of(https, []));
      expect(bySdk.take(https)).toEqual(of(https, CALLS));
      const [one, two] = [await open('own'), await open('own')];
      await at('discovery', secure, one.at, two.at);
      const three = [bySdk, one.server, two.server];
      const reached = new Set<string>();
      await until(`channels go to all; the agent said ${app.log}`, async () => {
        expect(await app.call(channels, 3, true)).toEqual(of(channels, []));
        for (const [nth, server] of three.entries())
          for (const [id, calls] of Object.entries(server.take(channels))) if (calls > 0) reached.add(`${id} ${nth}`);
        return reached.size === channels.length * three.length;
      });
      expect(await app.call(all, 2 * CALLS, true)).toEqual(of(all, []));
      const seen = three.map((server) => server.take(all));
      for (const id of all) expect([id, seen.reduce((sum, calls) => sum + (calls[id] ?? 0), 0)]).toEqual([id, 2 * CALLS]);
      for (const calls of seen) expect(mapOf(calls, (count) => count > 0)).toEqual(of(all, true));
      expect([...one.server.hosts].sort()).toEqual([secure, `${SECURE_HOST}:443`]);
      expect([...one.server.serverNames].sort()).toEqual([SECURE_HOST, 'localhost'].sort());
      for (const as of ['other authority', 'other name'] as const) {
        const wrong = await open(as);
        await at('discovery', secure, wrong.at);
        expect(await app.call(https, CALLS, true)).toEqual(of(https, []));
        expect([bySdk.take(https), wrong.server.take(https)]).toEqual([of(https, CALLS), of(https, 0)]);
        expect(wrong.server.tries).toBeGreaterThan(0);
      }
      await at('sdk', secure);
    }, 180_000);

    test('every client of a registry that runs there is looked on at, and what it registered leaves with the provider', async () => {
      const joining = registriesOn(version, modules).clients.map((client, at): Joining & { readonly sdkName: string } => {
        const service = `${client.id}-${modules}-${version.split('.')[0]}`;
        const port = 20_000 + at;
        switch (client.kind) {
          case 'nacos':
            return { ...client, service, port, server: `127.0.0.1:${nacos.ports.http}`, sdkName: `nacos/public/DEFAULT_GROUP/${service}` }; // prettier-ignore
          case 'consul':
            return { ...client, service, port, server: `127.0.0.1:${consul.ports.http}`, sdkName: `consul/dc1//${service}` };
          default:
            return { ...client, service, port, server: `127.0.0.1:${eureka.ports.http}`, sdkName: `eureka///${service}` }; // prettier-ignore
        }
      });
      expect(joining.length).toBe(5);
      await write(
        ...joining.map(
          ({ service, sdkName }) => ({ host: service, rung: 'shadow', addresses: [], sdkNames: [sdkName] }) as const,
        ),
      );
      for (const client of joining) await app.join(client);
      for (const { service, port } of joining) {
        await until(
          `the SDK sees ${service}; the agent said ${app.log}`,
          async () => (await app.seen(service))?.some((one) => one.address === '127.0.0.1' && one.port === port) === true,
          90_000,
        );
        expect(await listed(service)).toBe(true);
      }
      expect(await app.leave()).toEqual([]);
      for (const { service } of joining) await until(`${service} is gone`, async () => !(await listed(service)));
    }, 180_000);
  },
);

/** Whether the registry that a service's name begins with knows an instance of it. */
async function listed(service: string): Promise<boolean> {
  const ask = async (url: string): Promise<Response> => fetch(url, { headers: { accept: 'application/json' } });
  if (service.startsWith('nacos')) {
    const answer = await ask(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/ns/instance/list?serviceName=${service}`);
    return ((await answer.json()) as { readonly hosts: readonly object[] }).hosts.length > 0;
  }
  if (service.startsWith('consul')) {
    const answer = await ask(`http://127.0.0.1:${consul.ports.http}/v1/health/service/${service}`);
    return ((await answer.json()) as readonly object[]).length > 0;
  }
  return (await ask(`http://127.0.0.1:${eureka.ports.http}/eureka/apps/${service.toUpperCase()}/${service}-1`)).ok;
}

/** Each of Nest's clients calls a package of its own, so that servers know who it is. */
async function protoOf(directory: string, id: string): Promise<string> {
  const file = join(directory, `${id}.proto`);
  await writeFile(
    file,
    `syntax = "proto3"; package ${id.replaceAll('-', '_')}; message Nothing {} service Names { rpc Who (Nothing) returns (Nothing); }`,
  );
  return file;
}

function mapOf<T>(counts: Readonly<Record<string, number>>, map: (count: number) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(counts).map(([id, count]) => [id, map(count)]));
}

async function proofOf({ certFile, keyFile }: IssuedFiles): Promise<Proof> {
  return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
}

async function nodeOf(version: string): Promise<string> {
  const { recipe } = servers.node;
  if (recipe.kind !== 'npm') throw new Error('Node does not come from npm');
  const { home } = await provide('node', { version });
  return join(home, recipe.program);
}
