// Everything in this folder runs before or without the install, on the machine's own Node (20.11 or newer), with its built-ins only.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const at = (...parts) => join(root, ...parts);

/** The Node that the project pins. @throws {Error} where npm has none for this platform and the running one is too old. */
export function projectNode() {
  const installed = at('node_modules', '.bin', 'node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Error(
    `there is no packaged Node 24 for ${process.platform}-${process.arch}, and this one is ${process.version}: install Node 24 or newer`,
  );
}

/**
 * The environment of everything that we start: programs of node_modules first on PATH, and code compiled once: a thread or process
 * that runs our sources costs a third of its CPU time when somebody has stripped their types before.
 */
export function projectEnv() {
  const code = at('node_modules', '.cache', 'isthmus', 'code');
  return { NODE_COMPILE_CACHE: code, ...process.env, PATH: `${at('node_modules', '.bin')}:${process.env.PATH ?? ''}` };
}

/** One hash over the names and contents of all files below `paths` (relative to the root) that `wanted` accepts. */
export async function hashOf(paths, wanted = () => true) {
  const hash = createHash('sha256');
  for (const file of (await Promise.all(paths.map(filesBelow))).flat().filter(wanted).sort()) {
    hash
      .update(`${file}\0`)
      .update(await readFile(at(file)))
      .update('\0');
  }
  return hash.digest('hex');
}

async function filesBelow(path) {
  if (!existsSync(at(path))) return [];
  const entries = await readdir(at(path), { withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (entries === undefined) return [path];
  const children = entries.filter((entry) => entry.name !== 'node_modules' && (entry.isDirectory() || entry.isFile()));
  return (
    await Promise.all(
      children.map((entry) => (entry.isDirectory() ? filesBelow(join(path, entry.name)) : [join(path, entry.name)])),
    )
  ).flat();
}
