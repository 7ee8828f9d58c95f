import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '@isthmus/model/testing';
import { freePorts } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { Backend } from './backend.ts';
import { BridgeProcess } from './bridge.ts';
import { callEgress } from './egress.ts';
import { startSidecar, sumOfStats } from './envoy.ts';
import { giveFile } from './istio-files.ts';
import { lastMessages } from './last-messages.ts';
import { LoadCaller } from './load-caller.ts';
import { ShiftingFiles } from './shifting-files.ts';

export interface ChurnOptions {
  readonly seconds: number;
  /** Calls a second to each Envoy. */
  readonly callsPerSecond: number;
  /** Between two changed files. */
  readonly everyMs: number;
  readonly log?: (line: string) => void;
}

/** One Envoy's part. */
export interface ChurnOutcome {
  readonly transport: string;
  readonly calls: number;
  readonly callsPerSecond: number;
  /** What was not answered with 200, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Envoy's flags NC and NR, as it counts them itself over all its connection managers. */
  readonly noCluster: number;
  readonly noRoute: number;
  readonly rejected: number;
  readonly warming: number;
  /** What its first failed call was, when, and what the bridge and it said to each other just before; none: no call failed. */
  readonly firstFailure: readonly string[];
  /** What it took of each: clusters added, changed or removed; listeners; route updates. */
  readonly taken: Readonly<Record<'clusters' | 'endpoints' | 'routes' | 'listeners', number>>;
}

export interface ChurnResult {
  readonly changes: Readonly<Record<string, number>>;
  readonly kills: number;
  readonly envoys: readonly ChurnOutcome[];
}

const TRANSPORTS = [
  ['sotw', 'GRPC'],
  ['delta', 'DELTA_GRPC'],
] as const;

/** How often in a row the bridge is killed, after a third and after two thirds of the time. */
const KILLS = [1, 2] as const;

/** The bridge's log has its messages: a call that fails once in a thousand runs is to be explained by that run. */
const TELLS_MESSAGES = { ISTHMUS_LOG: 'debug' };

/** ms until what the bridge said before a call failed has been read from it. */
const LOG_COMES_AFTER = 100;

interface Side {
  readonly name: string;
  readonly envoy: EnvoyServer<'egress'>;
  readonly proxy: number;
  readonly permanent: number;
}

/**
 * Two Envoys with steady callers while what they are told changes several times a second, and the bridge is killed and started
 * again after a third and after two thirds of the time, there twice in a row. Only services that have an instance all the time are called.
 */
export async function churnUnderLoad({ seconds, callsPerSecond, everyMs, log }: ChurnOptions): Promise<ChurnResult> {
  await using end = new AsyncDisposableStack();
  const backends: Backend[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const backend = await Backend.start(name, `127.0.2.${backends.length + 1}`);
    end.defer(() => backend.stop());
    backends.push(backend);
  }
  const ports = await freePorts(TRANSPORTS.length * 6);
  const bridge = await BridgeProcess.prepare([{ name: 'fixed', kind: 'file', path: 'services.yaml' }], {
    istio: { dir: 'istio.d' },
  });
  end.defer(() => bridge.close());
  const directory = join(bridge.directory, 'istio.d');
  await mkdir(directory);
  await giveFile(bridge.directory, 'services.yaml', [{ services: [] }]);
  const listeners = TRANSPORTS.map(([app], n) => {
    const [proxy = 0, permanent = 0, ...passing] = ports.slice(n * 6, n * 6 + 6);
    return { app, proxy, permanent, passing };
  });
  const files = new ShiftingFiles(directory, backends, listeners);
  await files.giveAll();
  await bridge.run(undefined, [], TELLS_MESSAGES);

  const sides: Side[] = [];
  for (const [n, [name, api]] of TRANSPORTS.entries()) {
    const envoy = await startSidecar(bridge.ports.xds, api, name, { INTERCEPTION_MODE: 'NONE', LABELS: { app: name } });
    end.defer(() => envoy.stop().then(() => undefined));
    const { proxy, permanent } = listeners[n] as (typeof listeners)[number];
    sides.push({ name, envoy, proxy, permanent });
  }
  const targetsOf = ({ proxy, permanent }: Side) => [
    ...files.called.map((host) => ({ port: proxy, host })),
    { port: permanent, host: files.called[0] as string },
  ];
  for (const side of sides)
    for (const { port, host } of targetsOf(side))
      await until(`${side.name} answers for ${host} at ${port}`, async () => (await statusOf(port, host)) === 200);

  const firstFailures = new Map<string, readonly string[]>();
  const onFailure = (name: string, what: string): void => {
    if (firstFailures.has(name)) return;
    const failed = `${new Date().toISOString().slice(11, 23)} ${what}`;
    firstFailures.set(name, [failed]);
    void pause(LOG_COMES_AFTER).then(() => firstFailures.set(name, [failed, ...lastMessages(bridge.log, `~${name}.default~`)]));
  };
  const callers = sides.map((side) => new LoadCaller(targetsOf(side), callsPerSecond, (what) => onFailure(side.name, what)));
  const over = performance.now() + seconds * 1_000;
  let isBack = false; // after the last kill
  const churning = (async () => {
    for (; performance.now() < over || !isBack; await pause(everyMs)) await files.change();
  })();
  for (const [at, inARow] of KILLS.entries()) {
    await pause(Math.max(0, over - performance.now() - ((KILLS.length - at) * seconds * 1_000) / (KILLS.length + 1)));
    let taken: readonly number[] = [];
    const eachSide = (what: string, is: (side: Side, taken: number) => Promise<boolean>): Promise<void[]> =>
      Promise.all(sides.map((side, n) => until(`${side.name} ${what}`, () => is(side, taken[n] ?? 0), 60_000)));
    for (let kill = 1; kill <= inARow; kill += 1) {
      // In the moment of coming back, with half of what there is, and clusters that warm: `ReturningClient`.
      if (kill > 1) await eachSide('has taken clusters', async (side, before) => (await updates(side)) > before);
      await bridge.end('SIGKILL');
      taken = await Promise.all(sides.map(updates));
      log?.(kill === 1 ? 'the bridge is killed' : 'the bridge is killed again while they come back');
      await bridge.run(undefined, [], TELLS_MESSAGES);
      log?.('it is ready again');
    }
    await eachSide('is back', async (side, before) => (await updates(side)) > before && (await warming(side)) === 0);
  }
  isBack = true;
  await churning;
  for (const { name, envoy } of sides) await until(`nothing warms at ${name}`, async () => (await warming({ envoy })) === 0);
  const rates = callers.map(({ rate }) => rate);
  await Promise.all(callers.map((caller) => caller.stop()));
  const envoys = await Promise.all(
    sides.map(async ({ name, envoy }, n): Promise<ChurnOutcome> => {
      const sum = (pattern: string) => sumOfStats(envoy, pattern);
      const caller = callers[n] as LoadCaller;
      return {
        transport: name,
        calls: caller.calls,
        callsPerSecond: rates[n] as number,
        failures: Object.fromEntries(caller.failures),
        noCluster: await sum('^http\\..*\\.no_cluster$'),
        noRoute: await sum('^http\\..*\\.no_route$'),
        rejected: await sum('update_rejected$'),
        warming: await warming({ envoy }),
        firstFailure: firstFailures.get(name) ?? [],
        taken: {
          clusters: await sum('cluster_manager.cluster_(added|modified|removed)$'),
          endpoints: await sum('^cluster\\..*\\.membership_change$'),
          routes: await sum('\\.rds\\..*\\.config_reload$'),
          listeners: await sum('listener_manager.listener_(added|modified|removed)$'),
        },
      };
    }),
  );
  return { changes: files.changes, kills: KILLS.reduce((sum, inARow) => sum + inARow, 0), envoys };
}

/** Answers about clusters that it has taken. */
function updates({ envoy }: Pick<Side, 'envoy'>): Promise<number> {
  return sumOfStats(envoy, 'cluster_manager.cds.update_success$');
}

function warming({ envoy }: Pick<Side, 'envoy'>): Promise<number> {
  return sumOfStats(envoy, 'warming_clusters|total_listeners_warming');
}

async function statusOf(port: number, host: string): Promise<number> {
  return (await callEgress(port, host).catch(() => ({ status: 0 }))).status;
}
