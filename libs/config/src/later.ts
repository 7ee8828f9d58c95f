import type { ConfigPath } from './problem.ts';

/** Keys of the documented format that this version does not have yet; by the path of the map they are in. */
const LATER_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': ['plans'],
};

/** True for a key that a later version will know: "not in this version" helps more than "unknown". */
export function comesLater(parent: ConfigPath, key: string): boolean {
  return LATER_KEYS[parent.join('.')]?.includes(key) ?? false;
}
