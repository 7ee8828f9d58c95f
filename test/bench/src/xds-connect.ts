import type { Scenario } from './scenario.ts';
import { figure } from './statistics.ts';
import { Subject } from './xds-subject.ts';
import type { SubjectName } from './xds-subject.ts';
import { Swarm } from './xds-swarm.ts';

const SERVICES = 1_000;
const INSTANCES = 10;
const STREAMS = 2_000;

/** Everybody comes at once, as after a restart. */
export const xdsConnect: Scenario = {
  name: 'xds-connect',
  title: '2,000 proxies that connect at once, beside istiod',
  async run(log) {
    const ours = await measure('isthmus', log);
    const theirs = await measure('istiod', log);
    const limited = await measure('istiod', log, true);
    return {
      about: [
        `${SERVICES} services × ${INSTANCES} instances; ${STREAMS} streams over as many connections, half of them state of the world, half delta, each a sidecar`,
        'of its own (REDIRECT): clusters, then endpoints of each, listeners, routes, every response acknowledged at once.',
        'The bridge, which has no MCP output, and the clients are processes of their own; istiod 1.27.9 is unmodified and has another such bridge as its MCP source.',
        'It limits how many new streams it lets in (PILOT_MAX_REQUESTS_PER_SECOND, 25 a second on two cores) and refuses the others: *istiod* is without that',
        'limit, *istiod, limited* as it is by default; targets are beside the first. Who is refused or cut off comes again as an Envoy does, after 0.5 s and longer each time.',
        'CPU and memory as the kernel counts them, of the process that serves; from the first connection until the',
        'last stream has everything. *Clients*: the CPU that the clients took of the same machine.',
      ].join('\n'),
      tables: [
        {
          title: 'All synced',
          columns: ['server', 'first s', 'median s', 'last s', 'CPU s', 'clients s', 'peak RSS MiB', 'streams ended'],
          rows: [ours, theirs, limited].map((m) => [
            m.name,
            figure(m.firstMs / 1_000),
            figure(m.medianMs / 1_000),
            figure(m.lastMs / 1_000),
            figure(m.cpuMs / 1_000),
            figure(m.clientsMs / 1_000),
            figure(m.peakMb),
            String(m.ended),
          ]),
        },
      ],
      targets: [
        { what: 'last stream synced, times istiod', unit: '', atMost: 1 / 8, measured: ours.lastMs / theirs.lastMs },
        { what: 'CPU, times istiod', unit: '', atMost: 1 / 10, measured: ours.cpuMs / theirs.cpuMs },
        { what: 'peak RSS, times istiod', unit: '', atMost: 1 / 6, measured: ours.peakMb / theirs.peakMb },
        { what: 'streams starved or refused', unit: '', atMost: 0, measured: ours.ended },
      ],
    };
  },
};

interface Measured {
  readonly name: string;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly lastMs: number;
  readonly cpuMs: number;
  readonly clientsMs: number;
  readonly peakMb: number;
  readonly ended: number;
}

async function measure(subjectName: SubjectName, log: (line: string) => void, limited = false): Promise<Measured> {
  await using stack = new AsyncDisposableStack();
  const name = limited ? `${subjectName}, limited` : subjectName;
  const setup = { services: SERVICES, instances: INSTANCES };
  const subject = stack.adopt(await Subject.start(subjectName, setup, limited), (one) => one.close());
  const swarm = stack.adopt(
    new Swarm({
      port: subject.port,
      streams: STREAMS,
      perConnection: 1,
      transports: ['sotw', 'delta'],
      services: SERVICES,
      decode: false,
    }),
    (one) => one.close(),
  );
  const cpu = subject.cost.cpuMs;
  const { firstMs, medianMs, lastMs } = await swarm.sync(600_000);
  const measured = { firstMs, medianMs, lastMs, cpuMs: subject.cost.cpuMs - cpu, clientsMs: swarm.cost.cpuMs };
  const { peakMb } = subject.cost;
  log(
    `${name}: ${STREAMS} streams in ${figure(lastMs / 1_000, 's')}, CPU ${figure(measured.cpuMs / 1_000, 's')}, ${figure(peakMb, 'MiB')}`,
  );
  return { name, ...measured, peakMb, ended: swarm.ended.length };
}
