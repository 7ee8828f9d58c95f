import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GrpcBackend } from '../../e2e/support/grpc-backend.ts';
import { RulesBridge } from '../../e2e/support/rules-bridge.ts';
import type { CostSetup } from './agent-cost-child.ts';
import { DIRECT, ENDPOINTS, HANDED, MOVED, TARGETS, writePlan } from './agent-cost-plan.ts';
import { CostChild } from './agent-cost-process.ts';
import { memory, starts } from './agent-starts.ts';
import { unmanaged } from './agent-unmanaged.ts';
import { inTurns, percentText, spreadText } from './paired.ts';
import type { Paired } from './paired.ts';
import type { Scenario } from './scenario.ts';
import { startStaticSidecar } from './static-sidecar.ts';
import { figure, largest } from './statistics.ts';

const ROUNDS = 20;
const STARTS = 20;
const MEMORY_PAIRS = 8;
/** 8 × 3 processes; of each way 6 samples in each. */
const UNMANAGED = { generations: 8, rounds: 6, calls: 1_000 };
const SEAM_ROUNDS = 60;
const SEAM_CALLS = 800;
const FIRES = 20_000;
const GRPC_CALLS = 800;

type Env = Readonly<Record<string, string>>;

const of = (found: ReadonlyMap<string, Paired>, name: string): Paired => found.get(name) as Paired;

async function within(
  setup: CostSetup,
  env: Env,
  names: readonly string[],
  calls: number,
  rounds = ROUNDS,
): Promise<ReadonlyMap<string, Paired>> {
  const child = await CostChild.start(setup, env);
  try {
    return await inTurns(names, rounds, (name) => child.measure(name, calls));
  } finally {
    await child.close();
  }
}

/** Beside the bridge's proxyless gRPC; one instance for all ways. */
async function grpc(directory: string): Promise<ReadonlyMap<string, Paired>> {
  const backend = await GrpcBackend.start('orders');
  const bridge = await RulesBridge.start({ 'orders.yaml': serviceEntry(backend.port) });
  const envoy = await startStaticSidecar(MOVED, [backend.port], true);
  try {
    const addresses = [`127.0.0.1:${backend.port}`];
    const [plan, bootstrap] = [join(directory, 'grpc-plan.json'), join(directory, 'xds.json')];
    await writePlan(plan, [
      { host: DIRECT, rung: 'sdk', addresses },
      { host: MOVED, rung: 'traffic', addresses: ['10.9.9.9:1'] },
    ]);
    const node = { id: 'sidecar~127.0.0.1~web.shop~shop.svc.cluster.local', locality: {}, metadata: { GENERATOR: 'grpc' } };
    const server = { server_uri: `127.0.0.1:${bridge.xds}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] };
    await writeFile(bootstrap, JSON.stringify({ node, xds_servers: [server] }));
    const env = {
      ISTHMUS_PLAN_FILE: plan,
      ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
      GRPC_XDS_BOOTSTRAP: bootstrap,
    };
    const names = ['plain', 'isthmus-sdk', 'isthmus-sidecar', 'xds'];
    return await within({ part: 'grpc', port: backend.port }, env, names, GRPC_CALLS);
  } finally {
    await envoy.stop();
    await bridge.close();
    backend.stop();
  }
}

export const agentCost: Scenario = {
  name: 'agent-cost',
  title: 'What the agent costs a service',
  async run(log) {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-cost-'));
    const called = createServer((_request, response) => response.end('ok'));
    const egress = createTcpServer((socket) => socket.on('error', () => undefined).resume());
    try {
      const byGrpc = await grpc(directory);
      log('gRPC is measured');
      const [port, egressPort] = await Promise.all([called, egress].map(listening));
      const plan = join(directory, 'plan.json');
      await writePlan(plan, [
        { host: DIRECT, rung: 'sdk', addresses: ['10.9.9.8:1'] },
        { host: HANDED, rung: 'resilience', addresses: ['10.9.9.9:1'] },
      ]);
      const env = { ISTHMUS_PLAN_FILE: plan, ISTHMUS_EGRESS: `127.0.0.1:${egressPort}` };
      const control = { ISTHMUS_CONTROL: `http://127.0.0.1:${egressPort}`, ISTHMUS_SERVICE: 'web' };
      const small = join(directory, 'small.json');
      await writeFile(small, JSON.stringify({ schema: 1, version: '1', targets: [{ host: MOVED, rung: 'sdk', addresses: [] }] }));
      const started = await starts(
        new Map<string, Env | undefined>([
          ['without the agent', undefined],
          ['--require, nothing asked for', {}],
          ['--require, a plan file', { ISTHMUS_PLAN_FILE: small }],
          ['--require, a control plane', control],
        ]),
        STARTS,
      );
      for (const { what, wallMore, cpuMore } of started) log(`${what}: ${spreadText(wallMore)} ms, CPU ${spreadText(cpuMore)}`);
      const held = await memory(env, true, MEMORY_PAIRS);
      const heldAlone = await memory(env, false, MEMORY_PAIRS);
      log(`RSS ${spreadText(held.rss)} MB more; without fetch ${spreadText(heldAlone.rss)}`);
      const calls = await unmanaged(port ?? 0, env, UNMANAGED);
      for (const { way, cpuMore, cpuMoreOfNone } of calls)
        log(`${way}: ${percentText(cpuMore)} CPU a call; where there is no agent ${percentText(cpuMoreOfNone)}`);
      const seams = new Map<string, ReadonlyMap<string, Paired>>();
      for (const way of ['http', 'undici', 'fetch']) {
        const found = await within(
          { part: 'calls', port: port ?? 0 },
          env,
          [`${way}-out`, `${way}-again`, way],
          ...([SEAM_CALLS, SEAM_ROUNDS] as const),
        );
        seams.set(way, found);
        log(
          `${way}, the seam alone: ${percentText(of(found, way).cpuMore)}; A/A ${percentText(of(found, `${way}-again`).cpuMore)}`,
        );
      }
      const names = ['plain', 'opossum', 'opossum-kept', 'opossum-handed', 'cockatiel', 'cockatiel-kept', 'cockatiel-handed'];
      const breakers = await within({ part: 'breakers', port: 0 }, env, names, FIRES);
      log(`opossum ${figure(breakers.get('opossum')?.cpuUs ?? Number.NaN, 'µs')}`);
      return {
        about: `Plans have ${TARGETS} targets × ${ENDPOINTS} endpoints, all at rung traffic, so that every seam is in. What is compared is measured in turns, in ${ROUNDS} rounds, each in another order; in parentheses the 95 % interval of the median of differences within a round (bootstrap); what it leaves open is no loss for certain. Unmanaged calls: ${UNMANAGED.calls} in a sample, to an address that no target has, 16 at once over kept connections; ${UNMANAGED.generations} × three processes, two without the agent and one with the built agent before it by --require, ${UNMANAGED.rounds} samples of each by turns; the interval is of the median over the processes, since two that do the same differ for as long as they live, and beside it stands what the two without the agent differ by. Breakers: ${FIRES} calls of an action that does nothing, one after the other; kept: the agent’s wrapper at rung sdk; handed over: at resilience, where it observes. gRPC: ${GRPC_CALLS} unary calls, 16 at once, to one instance; xds is @grpc/grpc-js-xds with the bridge; the CPU is that of the caller, and beside the sidecar’s way there is an Envoy’s, which is not in it. Memory: ${MEMORY_PAIRS} pairs of a service that made 500 calls, two seconds after, after a full collection; where it never calls by fetch, the agent is the one who loads Node’s own undici, about 11 MB, to have its dispatcher. Start: ${STARTS} starts of each sort in turns, of a service that loads a file of its own and node:http and listens; from the process’s beginning until it listens.`,
        tables: [
          {
            title: 'Calls that no plan names',
            columns: ['by', 'calls a second', 'with the agent', 'more', 'no agent in either'].concat(
              ...['CPU µs a call', 'with the agent', 'more', 'no agent in either'],
            ),
            rows: calls.map((one) => [
              ...[one.way, figure(one.without.rate), figure(one.with.rate)],
              ...[percentText(one.rateMore), percentText(one.rateMoreOfNone)],
              ...[figure(one.without.cpuUs), figure(one.with.cpuUs)],
              ...[percentText(one.cpuMore), percentText(one.cpuMoreOfNone)],
            ]),
          },
          {
            title: 'The same calls in one process, with the seams taken out and put in by turns',
            columns: ['by', 'CPU µs a call', 'seam in', 'more', 'out in both'],
            rows: [...seams].map(([way, found]) => [
              ...[way, figure(of(found, `${way}-out`).cpuUs), figure(of(found, way).cpuUs)],
              ...[percentText(of(found, way).cpuMore), percentText(of(found, `${way}-again`).cpuMore)],
            ]),
          },
          { title: 'Breakers', columns: ['call', 'CPU µs'], rows: names.map((name) => [name, figure(of(breakers, name).cpuUs)]) },
          {
            title: 'gRPC',
            columns: ['channel to', 'calls a second', 'CPU µs a call', 'more CPU than plain'],
            rows: [...byGrpc].map(([name, paired]) => [
              name,
              figure(paired.rate),
              figure(paired.cpuUs),
              name === 'plain' ? '' : percentText(paired.cpuMore),
            ]),
          },
          {
            title: 'Memory of the agent, MB',
            columns: ['beside a service that calls by', 'resident', 'of that heap'],
            rows: [
              ['http and fetch', spreadText(held.rss), spreadText(held.heap)],
              ['http alone', spreadText(heldAlone.rss), spreadText(heldAlone.heap)],
            ],
          },
          {
            title: 'Start',
            columns: ['start', 'until it listens, ms', 'more', 'CPU ms', 'more'],
            rows: started.map(({ what, wallMs, cpuMs, wallMore, cpuMore }) => [
              ...[what, figure(wallMs), spreadText(wallMore), figure(cpuMs), spreadText(cpuMore)],
            ]),
          },
        ],
        targets: [
          ...[...seams].map(([way, found]) => ({
            what: `${way}, unmanaged: more CPU a call by the seam than no seam and no seam differ by, for certain`,
            ...{ unit: '%', atMost: Math.max(0, of(found, `${way}-again`).cpuMore.high) * 100 },
            measured: Math.max(0, of(found, way).cpuMore.low) * 100,
          })),
          ...calls.map(({ way, rateMore, rateMoreOfNone }) => ({
            what: `${way}, unmanaged: fewer calls a second than two processes without an agent differ by, for certain`,
            ...{ unit: '%', atMost: Math.max(0, -rateMoreOfNone.low) * 100, measured: Math.max(0, -rateMore.high) * 100 },
          })),
          { what: 'RSS beside a service with fetch, median of pairs', unit: 'MB', atMost: 8, measured: held.rss.middle },
          {
            what: 'RSS beside a service with http alone, median of pairs',
            unit: 'MB',
            atMost: 8,
            measured: heldAlone.rss.middle,
          },
          {
            what: 'start-up, CPU, median of pairs, the worst sort',
            ...{ unit: 'ms', atMost: 30, measured: largest(started.map(({ cpuMore }) => cpuMore.middle)) },
          },
          {
            what: 'start-up, median of pairs, the worst sort',
            ...{ unit: 'ms', atMost: 30, measured: largest(started.map(({ wallMore }) => wallMore.middle)) },
          },
        ],
      };
    } finally {
      called.closeAllConnections();
      called.close();
      egress.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

async function listening(server: Server): Promise<number> {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function serviceEntry(port: number): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: orders, namespace: shop }
spec:
  hosts: [orders.shop.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 7070, name: grpc, protocol: GRPC, targetPort: ${port} }]
  endpoints: [{ address: 127.0.0.1 }]
`;
}
