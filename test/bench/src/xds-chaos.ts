import { churnUnderLoad } from '../../e2e/support/churn-under-load.ts';
import type { Scenario } from './scenario.ts';

const SECONDS = 300;
const CALLS_PER_SECOND = 220;
const EVERY_MS = 150;

/** Does a call fail while everything that two busy Envoys are told changes, and the bridge is killed, once and twice in a row? */
export const xdsChaos: Scenario = {
  name: 'xds-chaos',
  title:
    'Envoys under load while endpoints, clusters, routes and listeners change and the bridge is killed three times, twice in a row',
  async run(log) {
    const { changes, kills, envoys } = await churnUnderLoad({
      seconds: SECONDS,
      callsPerSecond: CALLS_PER_SECOND,
      everyMs: EVERY_MS,
      log,
    });
    for (const { transport, firstFailure } of envoys) if (firstFailure.length > 0) log([transport, ...firstFailure].join('\n  '));
    const counts = Object.entries(changes).map(([kind, count]) => `${count} of ${kind}`);
    return {
      about: [
        `The built bridge with Istio's objects as files, two Envoys (state of the world, delta) with callers of ${CALLS_PER_SECOND} calls a second each,`,
        `for ${SECONDS} s. Every ${EVERY_MS} ms a file changes: ${counts.join(', ')}. The bridge was killed (SIGKILL) and started again ${kills} times.`,
        'Called are services that always have an instance, through an HTTP proxy and a listener of their own that a Sidecar gives; retries as shipped.',
        'A failure is any answer but 200 (NC and UH, UF, NR have 503 and 404 with texts of their own), counted at the caller; NC and NR also by Envoy.',
      ].join('\n'),
      tables: [
        {
          title: 'What each Envoy did',
          columns: ['Envoy', 'calls', 'a second', 'failures', 'clusters', 'endpoints', 'routes', 'listeners'],
          rows: envoys.map(({ transport, calls, callsPerSecond, failures, taken }) => [
            transport,
            String(calls),
            String(Math.round(callsPerSecond)),
            JSON.stringify(failures),
            ...[taken.clusters, taken.endpoints, taken.routes, taken.listeners].map(String),
          ]),
        },
      ],
      targets: envoys.flatMap(({ transport, failures, noCluster, noRoute, rejected, warming, callsPerSecond }) => [
        target(
          `${transport}: calls that failed`,
          Object.values(failures).reduce((sum, count) => sum + count, 0),
        ),
        target(`${transport}: no cluster (NC) or no route (NR), by Envoy`, noCluster + noRoute),
        target(`${transport}: update_rejected`, rejected),
        target(`${transport}: clusters and listeners that still warm`, warming),
        { what: `${transport}: time between calls`, unit: 'ms', atMost: 5, measured: 1_000 / callsPerSecond },
      ]),
    };
  },
};

function target(what: string, measured: number) {
  return { what, unit: '', atMost: 0, measured };
}
