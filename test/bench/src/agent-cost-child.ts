/** Makes so many calls by the way that it is told, and says what they took. With and without the agent before it, which it knows only by name. */
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AGENT, DIRECT, HANDED, MOVED } from './agent-cost-plan.ts';
import { monotonic } from './monotonic.ts';

export interface CostSetup {
  readonly part: 'calls' | 'breakers' | 'grpc';
  readonly port: number;
}
export type CostTold = `${string} ${number}` | 'end';
export type CostSays =
  | { readonly kind: 'ready' }
  | { readonly kind: 'measured'; readonly calls: number; readonly wallMs: number; readonly cpuMs: number };

interface Way {
  readonly atOnce: number;
  /** The agent's seams are out while it is measured: everything else of it goes on. */
  readonly seamless?: boolean;
  readonly call: () => Promise<unknown>;
}
interface View {
  readonly target: string;
  readonly effective: string;
}

const { part, port } = JSON.parse(process.argv[2] ?? '') as CostSetup;
const require = createRequire(import.meta.url);
const agentOf = (): { view(): readonly View[] } | undefined =>
  (globalThis as Record<symbol, unknown>)[Symbol.for('isthmus.agent')] as { view(): readonly View[] } | undefined;

async function callWays(): Promise<Readonly<Record<string, Way>>> {
  const { request } = await import('undici');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const byHttp = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const outgoing = http.get({ host: '127.0.0.1', port, agent }, (response) => response.resume().once('end', resolve));
      outgoing.once('error', reject);
    });
  const url = `http://127.0.0.1:${port}/`;
  const found: Readonly<Record<string, Way>> = {
    http: { atOnce: 16, call: byHttp },
    undici: { atOnce: 16, call: async () => (await request(url)).body.dump() },
    fetch: { atOnce: 16, call: async () => (await fetch(url)).arrayBuffer() },
  };
  const seamless = Object.entries(found).flatMap(([name, way]) =>
    ['out', 'again'].map((what) => [`${name}-${what}`, { ...way, seamless: true }] as const),
  );
  return { ...found, ...Object.fromEntries(seamless) };
}

/** As the agent's own `close` takes them out. @returns puts them in again */
function takeSeamsOut(): () => void {
  const at = (holder: unknown, key: string): Record<string, unknown> | undefined =>
    (holder as Record<symbol, Record<string, unknown> | undefined> | undefined)?.[Symbol.for(key)];
  const places = [
    [at(http.Agent.prototype, 'isthmus.agent.http'), 'mover'],
    [at(at(globalThis, 'undici.globalDispatcher.1'), 'isthmus.agent.dispatcher'), 'seam'],
    [at(at(globalThis, 'undici.globalDispatcher.2'), 'isthmus.agent.dispatcher'), 'seam'],
  ] as const;
  const held = places.map(([layer, field]) => layer?.[field]);
  for (const [layer, field] of places) if (layer !== undefined) layer[field] = undefined;
  return () => places.forEach(([layer, field], n) => layer !== undefined && (layer[field] = held[n]));
}

async function breakerWays(): Promise<Readonly<Record<string, Way>>> {
  const { default: CircuitBreaker } = await import('opossum');
  const cockatiel = await import('cockatiel-4');
  const { wrapBreaker, wrapPolicy } = require(join(AGENT, 'resilience/index.js')) as {
    wrapBreaker<B extends object>(breaker: B, option: object): B;
    wrapPolicy<P extends object>(policy: P, option: object): P;
  };
  const action = (): Promise<string> => Promise.resolve('ok');
  const opossum = () => new CircuitBreaker(action, { timeout: false, rollingPercentilesEnabled: false });
  const policy = () =>
    cockatiel.circuitBreaker(cockatiel.handleAll, {
      halfOpenAfter: 10_000,
      breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000 }),
    });
  const ofOpossum = (breaker: { fire(): Promise<unknown> }): Way => ({ atOnce: 1, call: () => breaker.fire() });
  const ofCockatiel = (own: { execute(fn: () => unknown): Promise<unknown> }): Way => ({
    atOnce: 1,
    call: () => own.execute(action),
  });
  return {
    plain: { atOnce: 1, call: action },
    opossum: ofOpossum(opossum()),
    'opossum-kept': ofOpossum(wrapBreaker(opossum(), { target: `${DIRECT}:80` })),
    'opossum-handed': ofOpossum(wrapBreaker(opossum(), { target: `${HANDED}:80` })),
    cockatiel: ofCockatiel(policy()),
    'cockatiel-kept': ofCockatiel(wrapPolicy(policy(), { target: `${DIRECT}:80` })),
    'cockatiel-handed': ofCockatiel(wrapPolicy(policy(), { target: `${HANDED}:80` })),
  };
}

async function grpcWays(): Promise<Readonly<Record<string, Way>>> {
  const grpc = await import('@grpc/grpc-js');
  const xds = await import('@grpc/grpc-js-xds');
  xds.register();
  (require(join(AGENT, 'grpc/index.js')) as { registerGrpc(grpc: object): void }).registerGrpc(grpc);
  const asIs = (bytes: Buffer): Buffer => bytes;
  const nothing = Buffer.alloc(0);
  const way = (target: string): Way => {
    const client = new grpc.Client(target, grpc.credentials.createInsecure());
    const call = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + 20_000 };
        client.makeUnaryRequest('/isthmus.test.Names/Who', asIs, asIs, nothing, options, (error) =>
          error === null ? resolve() : reject(error),
        );
      });
    return { atOnce: 16, call };
  };
  return {
    plain: way(`127.0.0.1:${port}`),
    'isthmus-sdk': way(`isthmus:${DIRECT}:80`),
    'isthmus-sidecar': way(`isthmus:${MOVED}:80`),
    xds: way('xds:///orders.shop.svc.cluster.local:7070'),
  };
}

const ways = await { calls: callWays, breakers: breakerWays, grpc: grpcWays }[part]();

async function measure(way: Way, calls: number): Promise<CostSays> {
  let left = calls;
  const worker = async (): Promise<void> => {
    while ((left -= 1) >= 0) await way.call();
  };
  const putIn = way.seamless === true ? takeSeamsOut() : () => undefined;
  const [before, began] = [process.cpuUsage(), monotonic()];
  await Promise.all(Array.from({ length: way.atOnce }, worker));
  const { user, system } = process.cpuUsage(before);
  putIn();
  return { kind: 'measured', calls, wallMs: monotonic() - began, cpuMs: (user + system) / 1_000 };
}

process.on('message', (told: CostTold) => {
  if (told === 'end') process.exit(0);
  const [name = '', calls] = told.split(' ');
  const way = ways[name];
  if (way === undefined) throw new Error(`there is no way ${name}`);
  void measure(way, Number(calls)).then((said) => process.send?.(said));
});
process.on('disconnect', () => process.exit(0));

/** The sidecar takes 500 targets over by eights; by then the seams have long been in. */
const isThere = (): boolean => {
  const agent = agentOf();
  return agent === undefined || agent.view().every(({ effective, target }) => effective !== 'sdk' || target === `${DIRECT}:80`);
};
const waiting = setInterval(() => {
  if (!isThere()) return;
  clearInterval(waiting);
  process.send?.({ kind: 'ready' } satisfies CostSays);
}, 50);
