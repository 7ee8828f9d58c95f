const MOST_NAMES = 65_536;
/** Longer ones are rare, and would make the table large. */
const MOST_LENGTH = 256;

const names = new Map<string, string>();

/** The same string for the same name: a thousand clients that subscribe to a thousand names each keep a thousand strings. */
export function sharedName(name: string): string {
  if (name.length > MOST_LENGTH) return name;
  const known = names.get(name);
  if (known !== undefined) return known;
  if (names.size >= MOST_NAMES) names.clear();
  names.set(name, name);
  return name;
}
