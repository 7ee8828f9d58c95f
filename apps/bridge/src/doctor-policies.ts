import { SENTINEL_KINDS, sentinelDataId } from '@isthmus/lift';
import { IsthmusError, messageOf } from '@isthmus/model';
import type { ConfigText, Finding } from '@isthmus/registry';
import { KeptRules } from './agents/kept-rules.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';

type Sentinel = BridgeConfig['policies']['sentinel'][number];

const RIGHTS = 'the account needs to read configs of this namespace; see docs/registries/nacos.md';

/** `policies.sentinel`: can each data id be read, is it there, and do its rules have a mesh host. */
export async function examinePolicies(config: BridgeConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  return (await Promise.all(config.policies.sentinel.map((place) => examine(config, place, signal)))).flat();
}

async function examine({ registries, baseDir }: BridgeConfig, place: Sentinel, signal: AbortSignal): Promise<readonly Finding[]> {
  const entry = registries.find(({ id }) => id === place.registry);
  const { group, namespace, apps } = place;
  const dataIds = Object.keys(apps).flatMap((app) => SENTINEL_KINDS.map((kind) => sentinelDataId(app, kind)));
  if (entry?.kind.configTexts === undefined || dataIds.length === 0) return [];
  try {
    const at = { dataIds, group, ...(namespace === undefined ? {} : { namespace }) };
    const texts = await entry.kind.configTexts(entry.config, at, { baseDir }, signal);
    const byId = new Map(texts.map((text) => [text.dataId, text]));
    return Object.entries(apps).flatMap(([app, { target, targets }]) =>
      ofApp(app, place, byId, (resource) => target !== undefined || Object.hasOwn(targets, resource)),
    );
  } catch (thrown) {
    const { message, remedy = RIGHTS } = IsthmusError.is(thrown) ? thrown : { message: messageOf(thrown) };
    return [{ level: 'error', what: `${place.registry}: Sentinel rules cannot be read: ${message}`, remedy }];
  }
}

function ofApp(
  app: string,
  { registry, group }: Sentinel,
  texts: ReadonlyMap<string, ConfigText>,
  isTarget: (resource: string) => boolean,
): readonly Finding[] {
  const read = SENTINEL_KINDS.map((kind) => ({ kind, text: texts.get(sentinelDataId(app, kind)) }));
  const namespace = read.find(({ text }) => text !== undefined)?.text?.namespace ?? '';
  const where = `${registry}/${namespace}/${group}`;
  if (read.every(({ text }) => text?.content === undefined))
    return [
      {
        level: 'warning',
        what: `${where} has no rules of ${app}: ${read.map(({ kind }) => sentinelDataId(app, kind)).join(' and ')} are not there`,
        remedy:
          'if it should have some, compare namespace (its id), group and the name of the application under policies.sentinel with the dashboard’s',
      },
    ];
  return read.flatMap(({ kind, text }) => {
    const id = sentinelDataId(app, kind);
    if (text?.content === undefined) return [{ level: 'ok', what: `${where}/${id} is not there: no rules of that kind` }];
    const rules = new KeptRules(kind);
    rules.take(text.content);
    const wrong = [...rules.diagnostics(`${where}/${id}`, isTarget)].map(
      ({ severity, where: at, what, meaning, remedy }): Finding => ({
        level: severity === 'error' ? 'error' : 'warning',
        what: `${at}: ${what}; ${meaning}`,
        remedy,
      }),
    );
    const count = rules.policies?.length;
    return [
      ...(count === undefined ? [] : [{ level: 'ok' as const, what: `${where}/${id}: ${count} of its rules can be used` }]),
      ...wrong,
    ];
  });
}
