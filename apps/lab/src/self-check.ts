/** `--ci`: the main job once, with a verdict. */
import { setTimeout as delay } from 'node:timers/promises';
import { isHop, isReached, labPaths, walk, type Hop, type LabPath } from './hop.ts';
import type { Lab } from './lab.ts';
import type { LabOptions } from './lab-options.ts';
import { checkout } from './load.ts';
import { get } from './services/sdk/http-call.ts';
import { expectedShares, instances, type InstancePlan } from './topology.ts';

const weightCalls = 1_000;
const tolerance = 0.05;
const parallel = 8;

/** Prints a line a check. True when all passed. */
export async function runChecks(
  lab: Lab,
  options: LabOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let passed = true;
  const check = async (what: string, run: () => Promise<string>): Promise<void> => {
    if (!passed || signal.aborted) return; // the rest builds on it
    try {
      print(`✔ ${what}: ${await run()}`);
    } catch (error) {
      passed = false;
      print(`✘ ${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const services = ['orders', 'payments', ...(lab.consul === 'from the start' ? ['inventory'] : [])];

  await check('GET /checkout works by SDK and by Envoy', () => allHops(lab, services, signal));
  await check('the monolith, in no registry, reaches orders by Envoy', () => monolith(lab));
  const hits = { sdk: new Map<string, Map<string, number>>(), mesh: new Map<string, Map<string, number>>() };
  await check(`${weightCalls} calls by each way without an error`, () => manyCalls(lab, hits));
  await check('SDK and Envoy reach the same instances', async () => sameInstances(services, hits));
  await check('orders gets calls by its weights in Nacos, by both ways', async () => sharesAsWeights(lab, hits));
  if (options.with.has('nacos3'))
    await check('reviews, in Nacos 3, is reached by Envoy', () =>
      byHost(lab.ports.egress, '/reviews', 'reviews.default-group.public.nacos', signal),
    );
  if (options.with.has('istiod')) {
    await check('istiod, fed by the bridge over MCP, routes its own Envoy to orders', async () => {
      await lab.later;
      return byHost(lab.ports.istioEgress, '/orders', 'orders.default-group.public.nacos', signal);
    });
  }
  await check('an instance of orders that is killed gets no more calls by Envoy', () => killed(lab, signal));
  return passed && !signal.aborted;
}

async function allHops(lab: Lab, services: readonly string[], signal: AbortSignal): Promise<string> {
  let missing = 'no answer';
  await until(
    120_000,
    signal,
    () => `after 120 s still missing: ${missing}`,
    async () => {
      const answer = await checkout(lab.ports.web, 'both');
      const absent = labPaths.flatMap((path) =>
        services
          .filter((service) => !reached(answer[path], service))
          .map((service) => `${service} by ${path}${reason(answer[path], service)}`),
      );
      missing = absent.join(', ');
      return absent.length === 0;
    },
  );
  return `web → ${services.join(', ')} (first request ${(performance.now() / 1000).toFixed(1)} s after the start)`;
}

function reached(hop: Hop, service: string): boolean {
  return [...walk(hop)].some((part) => part.service === service && isReached(part));
}

function reason(hop: Hop, service: string): string {
  for (const part of walk(hop))
    if (!isReached(part) && (part.service === service || part === hop)) return ` (${part.unavailable})`;
  return '';
}

async function monolith(lab: Lab): Promise<string> {
  const { text } = await get({ host: '127.0.0.1', port: lab.ports.monolith, path: '/report', timeoutMs: 5_000 });
  const hop: unknown = JSON.parse(text);
  const orders = isHop(hop) && isReached(hop) ? hop.calls.find(({ service }) => service === 'orders') : undefined;
  if (orders === undefined || !isReached(orders)) throw new Error(`it answered ${text}`);
  return `${orders.instance} ${orders.version}`;
}

type Hits = Readonly<Record<LabPath, Map<string, Map<string, number>>>>;

async function manyCalls(lab: Lab, hits: Hits): Promise<string> {
  const began = performance.now();
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (calls < weightCalls) {
      calls += 1;
      const answer = await checkout(lab.ports.web, 'both');
      for (const path of labPaths) for (const part of walk(answer[path])) count(hits[path], part);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return `${((performance.now() - began) / 1000).toFixed(1)} s`;
}

function count(hits: Map<string, Map<string, number>>, part: Hop): void {
  if (!isReached(part)) {
    if (part.pending) return;
    throw new Error(`${part.service} by ${part.path}: ${part.unavailable}`);
  }
  if (part.transport !== undefined) return;
  const service = hits.get(part.service) ?? new Map<string, number>();
  service.set(part.instance, (service.get(part.instance) ?? 0) + 1);
  hits.set(part.service, service);
}

function sameInstances(services: readonly string[], hits: Hits): string {
  for (const service of services) {
    const [sdk, mesh] = labPaths.map((path) => [...(hits[path].get(service)?.keys() ?? [])].sort().join(', '));
    if (sdk === '' || sdk !== mesh) throw new Error(`${service}: by SDK ${sdk || 'none'}, by Envoy ${mesh || 'none'}`);
  }
  return services.map((service) => `${service} ${hits.sdk.get(service)?.size}`).join(', ');
}

function sharesAsWeights(lab: Lab, hits: Hits): string {
  const expected = expectedShares('orders', lab.ports);
  const texts = labPaths.map((path) => {
    const found = hits[path].get('orders') ?? new Map<string, number>();
    const total = [...found.values()].reduce((sum, hit) => sum + hit, 0);
    const shares = [...expected].map(([instance, share]) => ({ instance, share, got: (found.get(instance) ?? 0) / total }));
    const off = shares.find(({ share, got }) => Math.abs(share - got) > tolerance);
    if (off !== undefined)
      throw new Error(`by ${path}, ${off.instance} got ${percent(off.got)} of the calls and should get ${percent(off.share)}`);
    return `${path} ${shares.map(({ got }) => percent(got)).join(' / ')}`;
  });
  return `${texts.join(', ')}; registered ${[...expected.values()].map(percent).join(' / ')}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

async function byHost(egress: number, path: string, host: string, signal: AbortSignal): Promise<string> {
  let last = 'no answer';
  let instance = '';
  await until(
    60_000,
    signal,
    () => `after 60 s: ${last}`,
    async () => {
      const { status, text } = await get({ host: '127.0.0.1', port: egress, path, authority: host, timeoutMs: 5_000 });
      last = `${status} ${text.slice(0, 100)}`;
      const hop: unknown = status === 200 ? JSON.parse(text) : undefined;
      if (!isHop(hop) || !isReached(hop)) return false;
      instance = hop.instance;
      return true;
    },
  );
  return instance;
}

/** How many calls in a row must go well to say that the dead instance, which had half of them, gets none. */
const callsToBeSure = 60;

async function killed(lab: Lab, signal: AbortSignal): Promise<string> {
  const plan = instances.find(({ name }) => name === 'orders-1') as InstancePlan;
  const pid = lab.instances.get(plan)?.pid;
  if (pid === undefined) throw new Error('orders-1 does not run');
  process.kill(pid, 'SIGKILL');
  const began = performance.now();
  const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
  let failed = 0;
  const goesWell = async (): Promise<boolean> => {
    const { mesh } = await checkout(lab.ports.web, 'mesh');
    const well = [...walk(mesh)].every((part) => isReached(part) || part.pending);
    if (!well) failed += 1;
    return well;
  };
  await until(
    60_000,
    signal,
    () => 'after 60 s calls still fail',
    async () => {
      for (let call = 0; call < callsToBeSure; call += 1) if (!(await goesWell())) return false;
      return true;
    },
  );
  const unused = seconds();
  const address = `127.0.0.1:${lab.ports[plan.port]}`;
  await until(
    60_000,
    signal,
    () => `after 60 s Envoy still has ${address}`,
    async () => !(await knownToEnvoy(lab)).has(address),
  );
  return `none after ${unused} (${failed} failed until then), and out of Envoy's endpoints after ${seconds()}`;
}

/** `address:port` of every endpoint, from the lines `cluster::address:port::…` of Envoy's admin page. */
async function knownToEnvoy({ ports }: Lab): Promise<ReadonlySet<string>> {
  const { status, text } = await get({ host: '127.0.0.1', port: ports.envoyAdmin, path: '/clusters', timeoutMs: 5_000 });
  if (status !== 200) throw new Error(`Envoy's admin port answered ${status}`);
  return new Set(text.split('\n').flatMap((line) => line.split('::')[1] ?? []));
}

/** Tries again until true. Errors count as "not yet". @throws {Error} with `late()` after the time. */
async function until(ms: number, signal: AbortSignal, late: () => string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + ms;
  for (;;) {
    if (await condition().catch(() => false)) return;
    if (signal.aborted) throw new Error('stopped');
    if (performance.now() > deadline) throw new Error(late());
    await delay(200);
  }
}
