/** Where built servers are kept: per user, shared by all clones, one directory per server, version and content of its recipe. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { servers, type ServerName } from './versions.ts';

/** `$XDG_CACHE_HOME/isthmus`, else `~/.cache/isthmus`. The specification wants a relative value ignored. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME'];
  return join(xdg !== undefined && xdg.startsWith('/') ? xdg : join(homedir(), '.cache'), 'isthmus');
}

/** The folder with the committed recipes. This file also runs compiled, from below `dist/`, hence the walk upwards. */
export function recipesDir(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const candidate of [join(folder, 'recipes'), join(folder, 'test/servers/recipes')])
      if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw new Error('test/servers/recipes was not found above ' + fileURLToPath(import.meta.url));
    folder = parent;
  }
}

/** `<server>-<version>-<12 hex digits of its recipe's content>`: a changed recipe is another build, an old clone keeps its own. */
export async function cacheKey(name: ServerName, version: string, recipes: string = recipesDir()): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([version, servers[name].recipe, process.platform, process.arch]));
  const folder = join(recipes, name);
  if (existsSync(folder)) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const file of files.sort()) hash.update(file.slice(folder.length)).update(await readFile(file));
  }
  return `${name}-${version}-${hash.digest('hex').slice(0, 12)}`;
}
