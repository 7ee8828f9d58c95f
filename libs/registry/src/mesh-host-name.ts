import { parseMeshHost } from '@isthmus/model';
import type { MeshHost } from '@isthmus/model';

/**
 * Joins a registry's names into a mesh host: `(['orders', 'DEFAULT_GROUP', 'public'], 'nacos')` gives
 * `orders.default-group.public.nacos`. Compatible with the hosts that Higress and Nacos's own Istio module give
 * (`_` and `:` become `-`; case does not count in hosts). Dots in a service name stay dots. The record's key keeps
 * the original, so the way back is never a guess; two keys that meet in one host are a visible conflict.
 *
 * Undefined when nothing of a part is left (`***`) or the host would pass 253 characters.
 */
export function meshHostName(parts: readonly string[], suffix: string): MeshHost | undefined {
  const labels: string[] = [];
  for (const part of parts) {
    if (part === '') continue;
    for (const piece of part.split('.')) {
      const label = piece
        .toLowerCase()
        .replace(/[^a-z0-9]/g, '-') // one for one: `a::g` and `a:g` stay two names
        .replace(/^-+|-+$/g, '');
      if (label === '') return undefined;
      labels.push(label);
    }
  }
  return parseMeshHost([...labels, suffix].join('.'));
}
