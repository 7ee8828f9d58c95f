/** Builds of earlier versions and recipes: kept for other clones, which may use them, and taken away when none did for a month. */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from './lock.ts';
import { serverNames, type ServerName } from './versions.ts';

const DAY_MS = 86_400_000;
const KEPT_MS = 30 * DAY_MS;

/** Notes that a build is used, by the time of its directory. One that cannot be noted is used all the same. */
export async function noteUse(home: string, now = new Date()): Promise<void> {
  await utimes(home, now, now).catch(() => undefined);
}

/**
 * Removes the builds of a server, but for the one given, that nobody has used for 30 days. Each under its own lock and out of its
 * place first, so that whoever asks for it meanwhile builds it anew instead of finding half of it.
 */
export async function pruneBuilds(root: string, server: ServerName, keep: string, now = new Date()): Promise<void> {
  const isOld = async (name: string): Promise<boolean> => {
    const { mtimeMs } = await stat(join(root, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
    return now.getTime() - mtimeMs > KEPT_MS;
  };
  for (const name of await readdir(root)) {
    if (name === keep || serverOf(name) !== server || !(await isOld(name))) continue;
    await withLock(join(root, `${name}.lock`), async () => {
      if (!(await isOld(name))) return; // somebody has used it meanwhile
      const aside = join(root, `${name}.old-${randomUUID()}`);
      await rename(join(root, name), aside);
      await rm(aside, { recursive: true, force: true });
    });
  }
}

/** Of a directory `<server>-<version>-<12 hex digits>`; undefined: it is none of ours. `istiod-oracle-…` is not of `istiod`. */
function serverOf(name: string): ServerName | undefined {
  if (!/^.+-[0-9a-f]{12}$/.test(name)) return undefined;
  const fitting = serverNames.filter((server) => name.startsWith(`${server}-`));
  return fitting.sort((a, b) => b.length - a.length)[0];
}
