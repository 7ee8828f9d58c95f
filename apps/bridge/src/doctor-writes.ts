import { IsthmusError, messageOf, steadyClock } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import type { Finding, PublishedName } from '@isthmus/registry';
import type { BridgeConfig } from './engine/bridge-config.ts';
import type { Engine } from './engine/engine.ts';
import { publicationOf, publishRule } from './pipeline/publication.ts';

/** Names of a registry that are asked for; where rights go by patterns, more tell nothing new. */
const MOST_NAMES = 20;

/**
 * The rights to write, as far as they can be asked for without writing: for the names under which `publish` would write what
 * was read, and for services of registries in which `liveness.correct` may take instances out.
 */
export async function examineWrites(engine: Engine, signal: AbortSignal): Promise<readonly Finding[]> {
  const { config } = engine;
  const targets = [...new Set(config.publish.map(({ to }) => to))];
  const corrected = config.liveness.correct?.registries ?? [];
  const found = await Promise.all([
    ...targets.map((id) => published(engine, id, signal)),
    ...corrected.map((id) => corrections(engine, id, signal)),
  ]);
  return found.flat();
}

async function published(engine: Engine, id: SourceId, signal: AbortSignal): Promise<readonly Finding[]> {
  const { config } = engine;
  const entry = entryOf(config, id);
  if (entry?.kind.sink === undefined) return [];
  const { baseDir, meshId } = config;
  const names = namesFor(engine, id);
  if (names.size === 0)
    return [
      {
        level: 'warning',
        what: `nothing of what was read would be published into ${id}`,
        remedy: 'compare `services` under publish with `isthmus get services`: hosts, or ids as source/namespace/group/name',
      },
    ];
  const wire = entry.kind.sink.wire(entry.config, { clock: steadyClock, baseDir, meshId });
  try {
    const session = await wire.connect(0, signal);
    try {
      const asked = [...names].slice(0, MOST_NAMES);
      return await verdicts(`publish into ${id}`, asked, (at) => session.mayWrite(at, signal));
    } finally {
      session.close();
    }
  } catch (thrown) {
    return [failed(`publish into ${id}`, thrown)];
  }
}

/** By name, as it would be said. */
function namesFor({ catalog, config }: Engine, id: SourceId): ReadonlyMap<string, PublishedName> {
  const rules = config.publish.filter(({ to }) => to === id).map(publishRule);
  const names = new Map<string, PublishedName>();
  for (const host of catalog.hosts()) {
    const service = catalog.merged(host);
    const rule = service && rules.find((candidate) => candidate.matches(service));
    const at = service && rule && publicationOf(service, rule)?.at;
    if (at !== undefined) names.set([at.namespace, at.group, at.name].filter((part) => part !== '').join('/'), at);
  }
  return names;
}

async function corrections({ catalog, config }: Engine, id: SourceId, signal: AbortSignal): Promise<readonly Finding[]> {
  const entry = entryOf(config, id);
  const corrector = entry?.kind.corrector?.(entry.config, { baseDir: config.baseDir, clock: steadyClock });
  if (corrector === undefined) return [];
  const records = [...catalog.scopes()]
    .filter(({ scope }) => scope.source === id)
    .flatMap(({ records: known }) => [...known.values()]);
  const keys = records.slice(0, MOST_NAMES).map(({ record: { key } }) => [key.name, key] as const);
  try {
    return await verdicts(`take instances out in ${id}`, keys, (key) => corrector.mayCorrect(key, signal));
  } finally {
    corrector.close();
  }
}

/** One line for all that may be written, and one for each that may not. */
async function verdicts<T>(
  what: string,
  asked: readonly (readonly [string, T])[],
  ask: (of: T) => Promise<void>,
): Promise<readonly Finding[]> {
  const refused: Finding[] = [];
  const allowed: string[] = [];
  for (const [name, of] of asked) {
    try {
      await ask(of);
      allowed.push(name);
    } catch (thrown) {
      refused.push(failed(`${what}, ${name}`, thrown));
    }
  }
  const more = allowed.length > 3 ? ` and ${allowed.length - 3} more` : '';
  const ok: Finding = { level: 'ok', what: `the account may ${what}: ${allowed.slice(0, 3).join(', ')}${more}` };
  return allowed.length === 0 ? refused : [ok, ...refused];
}

function failed(what: string, thrown: unknown): Finding {
  const remedy =
    (IsthmusError.is(thrown) ? thrown.remedy : undefined) ?? 'see docs/way-back.md and docs/liveness.md for the rights';
  return { level: 'error', what: `cannot ${what}: ${IsthmusError.is(thrown) ? thrown.message : messageOf(thrown)}`, remedy };
}

function entryOf({ registries }: BridgeConfig, id: SourceId): BridgeConfig['registries'][number] | undefined {
  return registries.find((entry) => entry.id === id);
}
