import { receiveCost } from './receive-cost.ts';
import { CHANGES, INSTANCES, Line } from './scaling-line.ts';
import type { LineSetup, Measured } from './scaling-line.ts';
import type { Scenario, Target } from './scenario.ts';
import { figure, median, percentile } from './statistics.ts';

const ROUNDS = 12;
const WARM_ROUNDS = 3;
/** The most that the larger may cost, times the smaller. */
const MOST = 1.3;

const [delta, sotw] = [
  { transport: 'delta', rules: false },
  { transport: 'sotw', rules: false },
] as const;
const rules = { transport: 'delta', rules: true } as const;
/**
 * What is measured together, in turns. The protocol itself makes state of the world dear (see `about`), so its largest is 20,000;
 * of rules the bridge takes 100,000, which are 50,000 services.
 */
const GROUPS: readonly (readonly LineSetup[])[] = [
  [1_000, 10_000, 20_000, 50_000].map((services) => ({ ...delta, services })),
  [1_000, 20_000].map((services) => ({ ...sotw, services })),
  [
    ...[1_000, 10_000].map((services) => ({ ...delta, services })),
    ...[1_000, 10_000].map((services) => ({ ...rules, services })),
  ],
  [1_000, 50_000].map((services) => ({ ...rules, services })),
];
const NAMES = 20_000;

/** Does one change cost more when there are more services? */
export const scaling: Scenario = {
  name: 'scaling',
  title: 'The cost of one endpoint change, by the number of services',
  async run(log) {
    const groups: (readonly Measured[])[] = [];
    const names = Array.from({ length: NAMES }, (_, n) => `outbound|80||load-${n}.scripted`);
    const answerBytes = names.reduce((bytes, name) => bytes + 2 + name.length, 0); // tag and length before each
    // In turns with what it is compared with: measured for itself, later, it had other company.
    const floors: number[] = [];
    const receive = async (): Promise<void> => {
      const [small, large] = [await receiveCost(500), await receiveCost(answerBytes)];
      floors.push(large - small);
    };
    for (const group of GROUPS)
      groups.push(await measure(group, log, group.some(({ transport }) => transport === 'sotw') ? receive : undefined));
    const floor = median(floors);
    log(`receiving ${answerBytes} bytes, nothing else: ${figure(floor, 'µs')}`);
    return {
      about: [
        `A scripted source, the engine with its file ledger and MCP output, the ADS server and one client in a thread of its own that`,
        `subscribes to all endpoints; ${INSTANCES} instances a service. What is compared lives in one process and takes turns: ${ROUNDS} rounds of`,
        `${CHANGES} changes one after the other, each until the client has it and its ACK is here, after ${WARM_ROUNDS} rounds to get warm. CPU: of the thread that`,
        'does all of it, from the source’s event to the answer of the client and the ledger’s write (median of the rounds; a change’s',
        'share). Wall: from the event to the response’s bytes being given to the socket. In state of the world every answer of a client',
        'repeats the names of all that it subscribes to, here 20,000: the protocol’s own cost, which delta has not. *Receiving*: what a bare',
        `node:http2 server takes to receive such an answer (${answerBytes} bytes) and do nothing with it, more than one of 500 bytes; measured after each round.`,
        '*With rules*: a VirtualService of two routes and a DestinationRule with outlier detection and a subset for each service, as files; the',
        'client is a sidecar that intercepts and has its listeners and routes too, and a change is one of the service’s and of its',
        'subset’s endpoints. Heap: what V8 has more when all is read and served, the scripted registry and the client’s names included.',
      ].join('\n'),
      tables: [
        {
          title: 'One change',
          columns: [
            'client',
            'services',
            'CPU µs (median round)',
            'CPU µs (best round)',
            'wall p50 ms',
            'wall p99 ms',
            'heap MB',
          ],
          rows: [
            ...groups.flatMap((lines) =>
              lines.map((line) => [
                nameOf(line),
                String(line.services),
                figure(median(line.cpu)),
                figure(Math.min(...line.cpu)),
                figure(percentile(line.wall, 0.5)),
                figure(percentile(line.wall, 0.99)),
                figure(line.heapMb),
              ]),
            ),
            ['receiving', String(NAMES), figure(floor), figure(Math.min(...floors)), '', '', ''],
          ],
        },
      ],
      targets: groups.flatMap((lines) => targetsOf(lines, floor)),
    };
  },
};

function nameOf(line: LineSetup): string {
  return line.rules ? `${line.transport}, with rules` : line.transport;
}

/** Of what was measured together. */
function targetsOf(lines: readonly Measured[], floor: number): readonly Target[] {
  return lines.flatMap((large) => {
    const name = nameOf(large);
    const small = lines.find((line) => nameOf(line) === name)!;
    if (large === small) return [];
    const sized = `at ${large.services} services, times that at ${small.services}`;
    const because = `receiving the names alone, by a bare node:http2 server, is ${figure(floor, 'µs')} of it`;
    return [
      {
        what: `${name}: CPU of a change ${sized}`,
        unit: '',
        atMost: MOST,
        measured: median(large.cpu) / median(small.cpu),
        ...(large.transport === 'sotw' ? { because } : {}),
      },
      ...(large.transport === 'sotw'
        ? [
            {
              what: `${name}: the same, without what receiving the names costs a bare server`,
              unit: '',
              atMost: MOST,
              measured: (median(large.cpu) - floor) / median(small.cpu),
            },
          ]
        : []),
      {
        what: `${name}: wall time p50 ${sized}`,
        unit: '',
        atMost: MOST,
        measured: percentile(large.wall, 0.5) / percentile(small.wall, 0.5),
      },
    ];
  });
}

/** @param beside what is measured after each round of them all */
async function measure(
  setups: readonly LineSetup[],
  log: (line: string) => void,
  beside?: () => Promise<void>,
): Promise<readonly Measured[]> {
  const lines: Line[] = [];
  for (const setup of setups) lines.push(await Line.start(setup));
  log(`${setups.map((setup) => `${nameOf(setup)} ${setup.services}`).join('; ')}: all is at the clients`);
  for (let round = -WARM_ROUNDS; round < ROUNDS; round += 1) {
    for (const line of lines) await line.round(round >= 0);
    if (round >= 0) await beside?.();
  }
  for (const line of lines) await line.close();
  return lines.map(({ measured }) => measured);
}
