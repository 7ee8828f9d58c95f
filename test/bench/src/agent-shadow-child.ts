/** A service at 2,000 calls a second, whose agent follows a control plane. Told `sdk` or `shadow`, it measures its own CPU for a while. */
import http from 'node:http';
import { processViews, startAgent } from '@isthmus/agent';
import type { ViewEndpoint } from '@isthmus/contract';
import { monotonic } from './monotonic.ts';

export type ShadowTold = 'sdk' | 'shadow' | 'end';
export type ShadowSays =
  | { readonly kind: 'ready' }
  | { readonly kind: 'measured'; readonly cpuMs: number; readonly wallMs: number; readonly calls: number };

const CALLS_A_SECOND = 2_000;
const SEGMENT_MS = 2_500;
const { control, called, targets, instances } = JSON.parse(process.argv[2] ?? '') as {
  readonly control: number;
  readonly called: number;
  readonly targets: number;
  readonly instances: number;
};

startAgent({
  control: { place: { url: `http://127.0.0.1:${control}`, service: 'web' } },
  places: { egress: { host: '127.0.0.1', port: 1 } },
  emit: () => undefined,
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
let calls = 0;
const call = (): void => {
  const request = http.get({ host: '127.0.0.1', port: called, agent }, (response) => {
    response.resume().once('end', () => (calls += 1));
  });
  request.once('error', () => undefined);
};
let due = monotonic();
setInterval(() => {
  for (; due <= monotonic(); due += 1_000 / CALLS_A_SECOND) call();
}, 5);

const views = processViews();
let round = 0;
/** What a registry's client hands on: new objects each time, other instances every tenth time. */
const tell = (target: number): void => {
  const moved = Math.floor(round / 10) % 200;
  const view = Array.from({ length: instances }, (_, at): ViewEndpoint => {
    const last = at === 0 ? moved : at;
    return { address: `10.0.${target}.${last + 1}`, port: 8080, weight: 1, healthy: true, zone: '', protocol: 'http' };
  });
  views.observe(`nacos/public/DEFAULT_GROUP/target-${target}`, view);
};

process.send?.({ kind: 'ready' } satisfies ShadowSays);
process.on('message', (told: ShadowTold) => {
  if (told === 'end') process.exit(0);
  const [before, began, from] = [process.cpuUsage(), monotonic(), calls];
  let next = 0;
  const telling = told === 'sdk' ? undefined : setInterval(() => tell((next = (next + 1) % targets) === 0 ? ((round += 1), 0) : next), 1_000 / targets); // prettier-ignore
  setTimeout(() => {
    clearInterval(telling);
    const { user, system } = process.cpuUsage(before);
    process.send?.({
      ...{ kind: 'measured', cpuMs: (user + system) / 1_000, wallMs: monotonic() - began, calls: calls - from },
    } satisfies ShadowSays);
  }, SEGMENT_MS);
});
