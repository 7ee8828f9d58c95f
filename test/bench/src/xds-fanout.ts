import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario, Target } from './scenario.ts';
import { figure, median } from './statistics.ts';
import type { SwarmTransport } from './swarm-stream.ts';
import { Subject } from './xds-subject.ts';
import type { SubjectName } from './xds-subject.ts';
import { Swarm } from './xds-swarm.ts';

const ENDPOINTS = 1_000;
const STREAMS = 1_000;
const ROUNDS = 15;
const WARM_UP = 3;
/** As issue 5 has it: beside istiod’s best, without its debounce. */
const BESIDE: SubjectName = 'istiod, debounce 0';
const TRANSPORTS = ['delta', 'sotw'] as const;

/** One change that everybody hears. */
export const xdsFanout: Scenario = {
  name: 'xds-fanout',
  title: 'One endpoint change to 1,000 proxies, beside istiod',
  async run(log) {
    const measured: Measured[] = [];
    for (const transport of TRANSPORTS)
      for (const name of ['isthmus', BESIDE] as const) measured.push(await measure(name, transport, log));
    const pairs = [measured.slice(0, 2), measured.slice(2)] as [Measured, Measured][];
    return {
      about: [
        `One service of ${ENDPOINTS} endpoints (a message of some 90 KB), ${STREAMS} streams over as many connections; the weight of one`,
        `endpoint changes ${ROUNDS} times. *Last ACK*: from the event of the registry, for istiod from the message over MCP, until the last stream`,
        'has answered. CPU a message: of the process that serves (the bridge that is measured has no MCP output). RSS: its peak during the changes, above what it had before them.',
      ].join('\n'),
      tables: [
        {
          title: 'A change',
          columns: [
            'transport',
            'server',
            'last ACK ms (median)',
            'CPU µs a message',
            'messages a change',
            'peak RSS above rest MiB',
          ],
          rows: measured.map((m) => [
            m.transport,
            m.name,
            figure(m.lastMs),
            figure(m.cpuUs),
            figure(m.messages),
            figure(m.risenMb),
          ]),
        },
      ],
      targets: pairs.flatMap(([ours, theirs]): Target[] => [
        { what: `${ours.transport}: last ACK, times istiod`, unit: '', atMost: 0.5, measured: ours.lastMs / theirs.lastMs },
        { what: `${ours.transport}: CPU a message, times istiod`, unit: '', atMost: 0.5, measured: ours.cpuUs / theirs.cpuUs },
        { what: `${ours.transport}: peak RSS above rest`, unit: 'MiB', atMost: 64, measured: ours.risenMb },
      ]),
    };
  },
};

interface Measured {
  readonly name: SubjectName;
  readonly transport: SwarmTransport;
  readonly lastMs: number;
  readonly cpuUs: number;
  readonly messages: number;
  readonly risenMb: number;
}

async function measure(name: SubjectName, transport: SwarmTransport, log: (line: string) => void): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const subject = stack.adopt(await Subject.start(name, { services: 1, instances: ENDPOINTS }), (one) => one.close());
  const { port } = subject;
  const setup = { port, streams: STREAMS, perConnection: 1, transports: [transport], services: 1, decode: false };
  const swarm = stack.adopt(new Swarm(setup), (one) => one.close());
  await swarm.sync(120_000);
  const lasts: number[] = [];
  let cpu = 0;
  let rest = 0;
  let messages = 0;
  for (let n = -WARM_UP; n < ROUNDS; n += 1) {
    await pause(n === 0 ? 5_000 : 500);
    if (n === 0) {
      cpu = subject.cost.cpuMs;
      rest = subject.cost.rssMb;
      subject.cost.resetPeak();
    }
    const { all } = await swarm.watch(60_000);
    const at = await subject.change(0, 2 + n + WARM_UP);
    const { lastAt, messages: got } = await all;
    if (n < 0) continue;
    lasts.push(lastAt - at);
    messages += got;
  }
  const cpuUs = ((subject.cost.cpuMs - cpu) * 1_000) / messages;
  const risenMb = subject.cost.peakMb - rest;
  log(
    `${name}, ${transport}: last ACK ${figure(median(lasts), 'ms')}, ${figure(cpuUs, 'µs')} a message, +${figure(risenMb, 'MiB')}`,
  );
  return { name, transport, lastMs: median(lasts), cpuUs, messages: messages / ROUNDS, risenMb };
}
