import { IsthmusError, messageOf } from '@isthmus/model';
import type { ConfigText, Finding } from '@isthmus/registry';
import { hostOf, keptPlaces } from './agents/kept-place.ts';
import type { KeptPlace, KeptText } from './agents/kept-place.ts';
import { KeptRules } from './agents/kept-rules.ts';
import type { BridgeConfig } from './engine/bridge-config.ts';

const RIGHTS = 'the account needs to read configs of this namespace; see docs/registries/nacos.md';

/** `policies:` of the config: can each data id be read, is it there, and do its policies have a mesh host. */
export async function examinePolicies(config: BridgeConfig, signal: AbortSignal): Promise<readonly Finding[]> {
  return (await Promise.all(keptPlaces(config.policies).map((place) => examine(config, place, signal)))).flat();
}

async function examine(
  { registries, baseDir }: BridgeConfig,
  place: KeptPlace,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { registry, group, namespace, texts } = place;
  const entry = registries.find(({ id }) => id === registry);
  if (entry?.kind.configTexts === undefined || texts.length === 0) return [];
  try {
    const dataIds = texts.map(({ dataId }) => dataId);
    const at = { dataIds, group, ...(namespace === undefined ? {} : { namespace }) };
    const found = await entry.kind.configTexts(entry.config, at, { baseDir }, signal);
    const byId = new Map(found.map((text) => [text.dataId, text]));
    return [...Map.groupBy(texts, ({ of }) => of)].flatMap(([of, own]) => together(place, of, own, byId));
  } catch (thrown) {
    const { message, remedy = RIGHTS } = IsthmusError.is(thrown) ? thrown : { message: messageOf(thrown) };
    return [{ level: 'error', what: `${registry}: policies cannot be read: ${message}`, remedy }];
  }
}

/** Texts that are looked for by one name. */
function together(
  { registry, group }: KeptPlace,
  of: string,
  texts: readonly KeptText[],
  found: ReadonlyMap<string, ConfigText>,
): readonly Finding[] {
  const namespace = texts.map(({ dataId }) => found.get(dataId)?.namespace).find((one) => one !== undefined);
  const where = [registry, namespace, group].filter((part) => part !== undefined).join('/');
  const contentOf = ({ dataId }: KeptText): string | undefined => found.get(dataId)?.content;
  if (texts.every((text) => contentOf(text) === undefined))
    return [
      {
        level: 'warning',
        what: `${where} has nothing of ${of}: ${texts.map(({ dataId }) => dataId).join(' and ')} ${texts.length === 1 ? 'is' : 'are'} not there`,
        remedy: 'if it should be, compare namespace (its id), group and name under policies with what Nacos’s console shows',
      },
    ];
  return texts.flatMap((text) => ofText(`${where}/${text.dataId}`, text, contentOf(text)));
}

function ofText(where: string, { owner, format }: KeptText, content: string | undefined): readonly Finding[] {
  if (content === undefined) return [{ level: 'ok', what: `${where} is not there: no rules of that kind` }];
  const rules = new KeptRules(format);
  rules.take(content);
  const wrong = [...rules.diagnostics(where, (policy) => hostOf(owner, policy) !== undefined)].map(
    ({ severity, where: at, what, meaning, remedy }): Finding => ({
      level: severity === 'error' ? 'error' : 'warning',
      what: `${at}: ${what}; ${meaning}`,
      remedy,
    }),
  );
  const count = rules.policies?.length;
  const known: readonly Finding[] =
    count === undefined ? [] : [{ level: 'ok', what: `${where}: ${count} of its rules can be used` }];
  return [...known, ...wrong];
}
