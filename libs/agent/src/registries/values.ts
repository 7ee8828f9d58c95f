/** Readers of what clients hand over, of any version: nothing is taken for granted. */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `region/zone/subzone`, without what is not known at its end, as the bridge writes it. */
export function zoneOf(...sources: readonly Fields[]): string {
  const found = sources.find(({ region, zone, subzone }) => [region, zone, subzone].some((part) => textOf(part) !== ''));
  if (found === undefined) return '';
  return ['region', 'zone', 'subzone']
    .map((part) => textOf(found[part]))
    .join('/')
    .replace(/\/+$/, '');
}
