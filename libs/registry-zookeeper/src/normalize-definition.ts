import type { DubboService } from '@isthmus/registry';

/** A definition lists methods and types: an interface of 500 methods has 200 kB. */
const MOST_BYTES = 512 * 1024;

/**
 * Version and group of a definition in Dubbo's metadata center whose path has one name between interface and side: a version or a
 * group. What it says of itself must agree with that name; empty when it does not, or makes no sense.
 */
export function servicesOfDefinition(interfaceName: string, name: string, data: Buffer): readonly DubboService[] {
  if (data.length > MOST_BYTES) return [];
  let json: unknown;
  try {
    json = JSON.parse(data.toString('utf8'));
  } catch {
    return [];
  }
  const parameters = (json as { readonly parameters?: unknown } | null)?.parameters;
  if (typeof parameters !== 'object' || parameters === null) return [];
  const { version = '', group = '' } = parameters as { readonly version?: unknown; readonly group?: unknown };
  if (version === name && group === '') return [{ interfaceName, version: name, group: '' }];
  if (group === name && version === '') return [{ interfaceName, version: '', group: name }];
  return [];
}
