/**
 * A service at 2,000 calls a second, whose agent follows a control plane, and whose registry client has news at a fixed rate. Told `sdk` or
 * `shadow`, it measures its own CPU for a while: the client's own work is in both, what the agent does with its news at `shadow` only.
 */
import http from 'node:http';
import { processViews, startAgent } from '@isthmus/agent';
import type { ViewEndpoint } from '@isthmus/contract';
import { monotonic } from './monotonic.ts';

export type ShadowTold = 'sdk' | 'shadow' | 'end';

export interface ShadowSetup {
  readonly control: number;
  readonly called: number;
  readonly targets: number;
  readonly instances: number;
  /** Of all targets together. */
  readonly newsASecond: number;
  /** ms that are measured at a time. */
  readonly segmentMs: number;
}
export type ShadowSays =
  | { readonly kind: 'ready' }
  | { readonly kind: 'measured'; readonly cpuMs: number; readonly wallMs: number; readonly calls: number };

const CALLS_A_SECOND = 2_000;
/** More at once would be measured as the queue of the client: on a busy machine calls are left out instead. */
const MOST_AT_ONCE = 32;
const { control, called, targets, instances, newsASecond, segmentMs } = JSON.parse(process.argv[2] ?? '') as ShadowSetup;

startAgent({
  control: { place: { url: `http://127.0.0.1:${control}`, service: 'web' } },
  places: { egress: { host: '127.0.0.1', port: 1 } },
  emit: () => undefined,
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
let calls = 0;
let underWay = 0;
const call = (): void => {
  if (underWay >= MOST_AT_ONCE) return;
  underWay += 1;
  const request = http.get({ host: '127.0.0.1', port: called, agent }, (response) => {
    response.resume().once('end', () => (calls += 1));
  });
  request.once('error', () => undefined).once('close', () => (underWay -= 1));
};
let due = monotonic();
setInterval(() => {
  for (; due <= monotonic(); due += 1_000 / CALLS_A_SECOND) call();
}, 5);

const views = processViews();
let news = 0;
/** What a registry's client hands on: new objects each time, another instance every tenth time. */
const tell = (rung: 'sdk' | 'shadow'): void => {
  const target = news % targets;
  const moved = Math.floor(news / targets / 10) % 200;
  news += 1;
  const view = Array.from({ length: instances }, (_, at): ViewEndpoint => {
    const last = at === 0 ? moved : at;
    return { address: `10.0.${target}.${last + 1}`, port: 8080, weight: 1, healthy: true, zone: '', protocol: 'http' };
  });
  if (rung === 'shadow') views.observe(`nacos/public/DEFAULT_GROUP/target-${target}`, view);
};

process.send?.({ kind: 'ready' } satisfies ShadowSays);
process.on('disconnect', () => process.exit(0));
process.on('message', (told: ShadowTold) => {
  if (told === 'end') process.exit(0);
  const [before, began, from] = [process.cpuUsage(), monotonic(), calls];
  const telling = setInterval(() => tell(told), 1_000 / newsASecond);
  setTimeout(() => {
    clearInterval(telling);
    const { user, system } = process.cpuUsage(before);
    process.send?.({
      ...{ kind: 'measured', cpuMs: (user + system) / 1_000, wallMs: monotonic() - began, calls: calls - from },
    } satisfies ShadowSays);
  }, segmentMs);
});
