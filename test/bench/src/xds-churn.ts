import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario } from './scenario.ts';
import { figure } from './statistics.ts';
import { Subject } from './xds-subject.ts';
import type { SubjectName } from './xds-subject.ts';
import { Swarm } from './xds-swarm.ts';

const SERVICES = 1_000;
const INSTANCES = 10;
const STREAMS = 100;
const PER_SECOND = 100;
const SECONDS = 60;

/** Changes without a pause, to many. */
export const xdsChurn: Scenario = {
  name: 'xds-churn',
  title: '100 changes a second to 100 proxies, beside istiod',
  async run(log) {
    const ours = await measure('isthmus', log);
    const measured = [ours, await measure('istiod', log), await measure('istiod, debounce 0', log)];
    return {
      about: [
        `${SERVICES} services × ${INSTANCES} instances, ${STREAMS} streams, half of them delta; ${PER_SECOND} services a second change the weight of an`,
        `instance, for ${SECONDS} s. A change has arrived at a stream when it has that weight or a later one of the same service; from the`,
        'registry’s event, in the way through istiod too. CPU: of the process that serves. Messages: of endpoints, to one stream; a stream',
        'that has not answered the last one gets the next changes in one.',
      ].join('\n'),
      tables: [
        {
          title: 'Change → client',
          columns: [
            'server',
            'p50 ms',
            'p99 ms',
            'longest ms',
            'lost',
            'CPU % of a core',
            'messages a stream',
            'CPU µs a message',
          ],
          rows: measured.map((m) => [
            m.name,
            figure(m.p50),
            figure(m.p99),
            figure(m.longest),
            String(m.lost),
            figure(m.corePercent),
            figure(m.messages / STREAMS),
            figure((m.corePercent * SECONDS * 10_000) / m.messages),
          ]),
        },
      ],
      targets: [
        { what: 'p99', unit: 'ms', atMost: 40, measured: ours.p99 },
        { what: 'changes lost', unit: '', atMost: 0, measured: ours.lost },
      ],
    };
  },
};

interface Measured {
  readonly name: SubjectName;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly lost: number;
  readonly corePercent: number;
  readonly messages: number;
}

async function measure(name: SubjectName, log: (line: string) => void): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const subject = stack.adopt(await Subject.start(name, { services: SERVICES, instances: INSTANCES }), (one) => one.close());
  const { port } = subject;
  const setup = {
    port,
    streams: STREAMS,
    perConnection: 1,
    transports: ['delta', 'sotw'],
    services: SERVICES,
    decode: true,
  } as const;
  const swarm = stack.adopt(new Swarm(setup), (one) => one.close());
  await swarm.sync(120_000);
  await pause(3_000);
  const cpu = subject.cost.cpuMs;
  const changes = await subject.churn(PER_SECOND, SECONDS);
  const corePercent = (subject.cost.cpuMs - cpu) / (SECONDS * 10);
  await pause(name === 'isthmus' ? 2_000 : 15_000); // istiod pushes every 10 s while its quiet never comes
  const { p50, p99, longest, lost, messages } = await swarm.lags(changes);
  log(`${name}: p50 ${figure(p50, 'ms')}, p99 ${figure(p99, 'ms')}, ${lost} lost, ${figure(corePercent)} % of a core`);
  return { name, p50, p99, longest, lost, corePercent, messages };
}
