// Which Node, module system and client libraries the agent works with: every cell that the engines of both allow.
import { readFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AgentPlan, AgentTarget } from '@isthmus/contract';
import { provide, servers } from '@isthmus/servers';
import { satisfies } from 'semver';
import { MatrixApp } from './support/matrix/matrix-app.ts';
import type { MatrixClient } from './support/matrix/matrix-app.ts';
import { until } from './support/until.ts';

const HOST = 'orders.default-group.public.nacos';
const CALLS = 5;
const OWN = process.versions.node;
const NODES = [servers.node.version, ...(servers.node.otherVersions ?? []), OWN];

/** What Node itself has, and since when. */
const BUILT_IN: readonly (MatrixClient & { readonly engines: string })[] = [
  { id: 'http', kind: 'http', engines: '>=16' },
  { id: 'http-agent', kind: 'http with an agent', engines: '>=16' },
  { id: 'fetch', kind: 'fetch', engines: '>=18' },
];
/** The majors that are in use; what their packages say of engines decides where they are tried. */
const PACKAGES: readonly (MatrixClient & { readonly module: string; readonly onlyMjs?: true })[] = [
  { id: 'axios-1', kind: 'axios', module: 'axios' },
  { id: 'got-16', kind: 'got', module: 'got', onlyMjs: true },
  { id: 'node-fetch-2', kind: 'node-fetch', module: 'node-fetch' },
  { id: 'superagent-10', kind: 'superagent', module: 'superagent' },
  { id: 'agentkeepalive-4', kind: 'agentkeepalive', module: 'agentkeepalive' },
  ...['undici-5', 'undici-6', 'undici-7', 'undici'].flatMap((module) => [
    { id: `${module}-global`, kind: 'undici', module },
    { id: `${module}-own`, kind: 'undici with a dispatcher', module },
  ]),
  { id: 'opossum-8', kind: 'opossum', module: 'opossum' },
  { id: 'opossum-9', kind: 'opossum', module: 'opossum-9' },
  { id: 'opossum-10', kind: 'opossum', module: 'opossum-10' },
  { id: 'cockatiel-3', kind: 'cockatiel', module: 'cockatiel-3' },
  { id: 'cockatiel-4', kind: 'cockatiel', module: 'cockatiel-4' },
];

/** A server that counts the calls of each client, and says with what Host they came. */
class Counting {
  readonly seen = new Map<string, number>();
  readonly hosts = new Set<string>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request: IncomingMessage, response) => {
      const client = (request.url ?? '').slice(1);
      this.seen.set(client, (this.seen.get(client) ?? 0) + 1);
      this.hosts.add(request.headers.host ?? '');
      response.end('ok');
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe.each(NODES.flatMap((node) => (['cjs', 'mjs'] as const).map((modules) => [node, modules] as const)))(
  'Node %s, %s',
  (version, modules) => {
    const instance = new Counting();
    const egress = new Counting();
    let directory: string;
    let app: MatrixApp;
    let clients: readonly MatrixClient[];
    let address: string;
    let plans = 0;

    const plan = async (rung: AgentTarget['rung']): Promise<void> => {
      const text: AgentPlan = { schema: 1, version: String((plans += 1)), targets: [{ host: HOST, rung, addresses: [address] }] };
      await writeFile(join(directory, 'new'), JSON.stringify(text));
      await rename(join(directory, 'new'), join(directory, 'plan.json'));
      await until(`it is at ${rung}; the agent said ${app?.log}`, async () => (await app.rungs()).join() === rung, 60_000);
    };
    const counts = (server: Counting) => {
      const seen = Object.fromEntries(clients.map(({ id }) => [id, server.seen.get(id) ?? 0]));
      server.seen.clear();
      return seen;
    };
    const each = <T>(value: T) => Object.fromEntries(clients.map(({ id }) => [id, value]));

    beforeAll(async () => {
      const allowed = await Promise.all(
        PACKAGES.map(async ({ module, onlyMjs }) => {
          const text = await readFile(join(import.meta.dirname, '../../node_modules', module, 'package.json'), 'utf8');
          const { engines } = JSON.parse(text) as { readonly engines?: { readonly node?: string } };
          return (onlyMjs === undefined || modules === 'mjs') && satisfies(version, engines?.node ?? '*');
        }),
      );
      clients = [...BUILT_IN.filter(({ engines }) => satisfies(version, engines)), ...PACKAGES.filter((_, at) => allowed[at])];
      const node = version === OWN ? process.execPath : await nodeOf(version);
      directory = await mkdtemp(join(tmpdir(), 'isthmus-matrix-'));
      address = await instance.listen();
      await writeFile(join(directory, 'plan.json'), JSON.stringify({ schema: 1, version: '0', targets: [] }));
      const env = { ISTHMUS_PLAN_FILE: join(directory, 'plan.json'), ISTHMUS_EGRESS: await egress.listen() };
      app = await MatrixApp.start({ node, modules, clients, instance: address, env });
    }, 300_000);

    afterAll(async () => {
      await app?.stop();
      instance.close();
      egress.close();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    });

    test('every client that runs there moves to the sidecar and back, each call is made once and none fails', async () => {
      expect(app.version).toBe(`v${version}`);
      expect(clients.length).toBeGreaterThanOrEqual(8);
      process.stdout.write(`Node ${version}, ${modules}: ${clients.map(({ id }) => id).join(', ')}\n`);
      await plan('sdk');
      expect(await app.call(CALLS)).toEqual(each([]));
      expect([counts(instance), counts(egress)]).toEqual([each(CALLS), each(0)]);
      for (const rung of ['traffic', 'resilience'] as const) {
        await plan(rung);
        expect(await app.call(CALLS)).toEqual(each([]));
        expect([counts(instance), counts(egress)]).toEqual([each(0), each(CALLS)]);
      }
      expect([...egress.hosts]).toEqual([`${HOST}:80`]);
      await plan('sdk');
      expect(await app.call(CALLS)).toEqual(each([]));
      expect([counts(instance), counts(egress)]).toEqual([each(CALLS), each(0)]);
    }, 180_000);
  },
);

async function nodeOf(version: string): Promise<string> {
  const { recipe } = servers.node;
  if (recipe.kind !== 'npm') throw new Error('Node does not come from npm');
  const { home } = await provide('node', { version });
  return join(home, recipe.program);
}
