import { MARK_PREFIX } from './marks.ts';

const VALUE = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Istio refuses more than 256 labels on an endpoint. */
const MOST_LABELS = 256;

export interface LabelResult {
  /** The metadata itself when every entry was a valid label. */
  readonly labels: Readonly<Record<string, string>>;
  /** Keys whose name or value had to change, or that were dropped; sorted. */
  readonly changed: readonly string[];
}

/**
 * Kubernetes label names and values out of free-form metadata: illegal characters become `_`, ends are trimmed. What another
 * Isthmus wrote beside the instance is no metadata of its service.
 */
export function labelsFrom(metadata: Readonly<Record<string, string>>): LabelResult {
  const all = Object.keys(metadata);
  const keys = all.filter((key) => !key.startsWith(MARK_PREFIX));
  if (
    keys.length === all.length &&
    keys.length <= MOST_LABELS &&
    keys.every((key) => isLabelKey(key) && VALUE.test(metadata[key] ?? ''))
  ) {
    return { labels: metadata, changed: [] };
  }
  const labels: Record<string, string> = {};
  const changed: string[] = [];
  let kept = 0;
  for (const key of keys.sort()) {
    const value = metadata[key] ?? '';
    const cleanKey = isLabelKey(key) ? key : clean(key);
    const cleanValue = VALUE.test(value) ? value : clean(value);
    if (cleanKey !== key || cleanValue !== value) changed.push(key);
    const taken = cleanKey !== key && (cleanKey in labels || cleanKey in metadata);
    if (cleanKey === '' || taken || kept >= MOST_LABELS) {
      if (changed.at(-1) !== key) changed.push(key);
      continue;
    }
    labels[cleanKey] = cleanValue;
    kept += 1;
  }
  return { labels, changed };
}

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  if (slash < 0) return NAME.test(key);
  return PREFIX.test(key.slice(0, slash)) && NAME.test(key.slice(slash + 1));
}

function clean(text: string): string {
  return text
    .replace(/[^-A-Za-z0-9_.]+/g, '_')
    .slice(0, 63)
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}
