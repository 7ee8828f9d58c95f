import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario } from './scenario.ts';
import { figure, percentile } from './statistics.ts';
import { SUBJECTS, Subject } from './xds-subject.ts';
import type { SubjectName } from './xds-subject.ts';
import { Swarm } from './xds-swarm.ts';

/** Where the servers are compared. */
const COMPARED = 1_000;
const SIZES = [10, COMPARED, 20_000] as const;
const INSTANCES = 10;
/**
 * Lone changes. Ours take seconds, so that collections of the whole heap have their share in a change's CPU: of 400, which took 0.2 s, either
 * none was in it or one (0.97 or 1.82 ms a change). Of istiod with its defaults each waits for its debounce.
 */
const CHANGES: Readonly<Record<SubjectName, number>> = { isthmus: 4_000, istiod: 40, 'istiod, debounce 0': 60 };
const WARM_UP: Readonly<Record<SubjectName, number>> = { isthmus: 400, istiod: 20, 'istiod, debounce 0': 20 };

/** One change, one client: how long, and at what cost by the number of services. */
export const xdsChange: Scenario = {
  name: 'xds-change',
  title: 'One endpoint change, one proxy, beside istiod',
  async run(log) {
    const measured: Measured[] = [];
    for (const name of SUBJECTS)
      for (const services of name === 'isthmus' ? SIZES : [COMPARED]) measured.push(await measure(name, services, log));
    const [small, ours, large, theirs, eager] = measured as [Measured, Measured, Measured, Measured, Measured];
    return {
      about: [
        `Services × ${INSTANCES} instances, one delta stream that has everything. The weight of one instance changes, one change after the`,
        'other, each awaited at the client. Time zero is the registry’s event for the bridge, and for istiod the moment at which the',
        'bridge has written the change to its MCP stream; the end is the client’s answer. CPU: of the process that serves, the bridge’s ledger',
        'included; the bridge that is measured has no MCP output. *Debounce 0*: istiod with PILOT_DEBOUNCE_AFTER=0s and PILOT_ENABLE_EDS_DEBOUNCE=false.',
      ].join('\n'),
      tables: [
        {
          title: 'Change → ACK',
          columns: ['server', 'services', 'changes', 'p50 ms', 'p99 ms', 'CPU ms a change'],
          rows: measured.map((m) => [
            m.name,
            String(m.services),
            String(m.lags.length),
            figure(percentile(m.lags, 0.5)),
            figure(percentile(m.lags, 0.99)),
            figure(m.cpuMs),
          ]),
        },
      ],
      targets: [
        { what: 'p50, times istiod', unit: '', atMost: 1 / 40, measured: p50(ours) / p50(theirs) },
        { what: 'p50, times istiod with debounce 0', unit: '', atMost: 1 / 3, measured: p50(ours) / p50(eager) },
        {
          what: 'CPU of a change at 1,000 services, times that at 10',
          unit: '',
          atMost: 1.3,
          measured: ours.cpuMs / small.cpuMs,
        },
        {
          what: 'CPU of a change at 20,000 services, times that at 10',
          unit: '',
          atMost: 1.3,
          measured: large.cpuMs / small.cpuMs,
        },
      ],
    };
  },
};

interface Measured {
  readonly name: SubjectName;
  readonly services: number;
  readonly lags: readonly number[];
  /** Of one change. */
  readonly cpuMs: number;
}

function p50({ lags }: Measured): number {
  return percentile(lags, 0.5);
}

async function measure(name: SubjectName, services: number, log: (line: string) => void): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const subject = stack.adopt(await Subject.start(name, { services, instances: INSTANCES }), (one) => one.close());
  const setup = { port: subject.port, streams: 1, perConnection: 1, transports: ['delta'], services, decode: false } as const;
  const swarm = stack.adopt(new Swarm(setup), (one) => one.close());
  await swarm.sync(120_000);
  await pause(3_000);
  const lags: number[] = [];
  let cpu = 0;
  const warmUp = WARM_UP[name];
  for (let n = -warmUp; n < CHANGES[name]; n += 1) {
    if (n === 0) cpu = subject.cost.cpuMs;
    const { all } = await swarm.watch(30_000);
    const at = await subject.change(((n + warmUp) * 611) % services, 2 + n + warmUp);
    const { lastAt } = await all;
    if (n >= 0) lags.push(lastAt - at);
    if (name !== 'isthmus') await pause(150 + Math.random() * 50); // istiod’s quiet time, and no rhythm of ours
  }
  const cpuMs = (subject.cost.cpuMs - cpu) / CHANGES[name];
  log(`${name}, ${services} services: p50 ${figure(percentile(lags, 0.5), 'ms')}, CPU ${figure(cpuMs, 'ms')}`);
  return { name, services, lags, cpuMs };
}
