import { MemoryLedger } from '@isthmus/ledger';
import type { LocalLedger } from '@isthmus/ledger';
import { takesTraffic } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import type { Finding } from '@isthmus/registry';
import { conflictViews } from './control/views.ts';
import { examineWrites } from './doctor-writes.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';
import { Engine } from './engine/engine.ts';
import { missingSources } from './engine/readiness.ts';

/** Conflicts that are named one by one. */
const MOST_CONFLICTS = 20;

export interface Survey {
  readonly published: readonly Finding[];
  /** Empty where nothing is configured to be written into registries. */
  readonly written: readonly Finding[];
}

/**
 * Reads all registries once, as the bridge would, into nothing: what would be published, what stands in its way, and whether
 * the registries that are written to would let us.
 */
export async function survey(config: BridgeConfig, withinMs: number): Promise<Survey> {
  const engine = new Engine({ ...config, readiness: { maxWaitMs: withinMs } }, forgetful(), { dryRun: true });
  try {
    engine.start();
    await engine.readiness.ready;
    const published = [...look(engine)];
    return { published, written: await examineWrites(engine, AbortSignal.timeout(withinMs)) };
  } finally {
    await engine.stop();
  }
}

function forgetful(): LocalLedger {
  const done = (): Promise<void> => Promise.resolve();
  return Object.assign(new MemoryLedger(), { diagnostics: [], flush: done, close: done });
}

function* look(engine: Engine): Generator<Finding> {
  const { catalog, config } = engine;
  let hosts = 0;
  let serving = 0;
  let idle = 0;
  const problems = new Map<Diagnostic['code'], { count: number; first: Diagnostic }>();
  const note = (diagnostic: Diagnostic): void => {
    const known = problems.get(diagnostic.code);
    if (known === undefined) problems.set(diagnostic.code, { count: 1, first: diagnostic });
    else known.count += 1;
  };
  for (const host of catalog.hosts()) {
    const service = catalog.merged(host);
    if (service === undefined) continue;
    hosts += 1;
    for (const { endpoint } of service.endpoints) {
      if (takesTraffic(endpoint)) serving += 1;
      else idle += 1;
    }
    service.diagnostics.forEach(note);
  }
  for (const scope of catalog.scopes()) scope.diagnostics.forEach(note);
  for (const diagnostic of engine.publishers.mcp.diagnostics()) note(diagnostic);

  const missing = missingSources(new Set(config.registries.map(({ id }) => id)), catalog.scopes());
  if (missing.length > 0) {
    const what = `${missing.join(', ')} could not be read completely in time; what follows is about the others`;
    yield { level: 'warning', what, remedy: 'see what doctor says of the registry; a large one takes longer than doctor waits' };
  }
  yield {
    level: 'ok',
    what: `${hosts} hosts would be published, ${serving} endpoints that take traffic and ${idle} that do not`,
  };
  const conflicts = conflictViews(catalog);
  for (const { host, winner, losers } of conflicts.slice(0, MOST_CONFLICTS)) {
    yield {
      level: 'warning',
      what: `${host} is claimed by several: ${winner} is published, ${losers.join(', ')} left out`,
      remedy: 'join them by a rule under merge.hosts, or order the registries under merge.precedence',
    };
  }
  if (conflicts.length > MOST_CONFLICTS) {
    const what = `${conflicts.length - MOST_CONFLICTS} more hosts are claimed by several services`;
    yield { level: 'warning', what, remedy: '`isthmus get conflicts` lists all of them' };
  }
  for (const [code, { count, first }] of [...problems].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (code === 'host.conflict' || first.severity === 'info') continue;
    const more = count === 1 ? '' : ` (and ${count - 1} more)`;
    yield { level: 'warning', what: `${first.where}: ${first.what}; ${first.meaning} [${code}]${more}`, remedy: first.remedy };
  }
}
