import { createRequire } from 'node:module';
import { join } from 'node:path';

const versions = new Map<string, string>();

/** Of a library as the application would load it; empty where it is not found. */
export function applicationVersion(library: string): string {
  const known = versions.get(library);
  if (known !== undefined) return known;
  const { version } = load<{ readonly version?: string }>(`${library}/package.json`) ?? {};
  versions.set(library, version ?? '');
  return version ?? '';
}

/** What a library exports, as the application would load it. */
export function applicationExport<T>(library: string, name: string): T | undefined {
  return load<Readonly<Record<string, T | undefined>>>(library)?.[name];
}

function load<T>(what: string): T | undefined {
  try {
    return createRequire(join(process.cwd(), 'package.json'))(what) as T;
  } catch {
    return undefined; // It is elsewhere, or an ES module on a Node that cannot require one.
  }
}
