// `npm ci` when node_modules is not what package-lock.json says.
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { at } from './paths.mjs';
import { run, withProgress } from './run.mjs';

const stamp = at('node_modules', '.cache', 'isthmus', 'installed');

export async function install() {
  const lock = await readFile(at('package-lock.json'), 'utf8');
  const hash = createHash('sha256').update(lock).digest('hex');
  if ((await readFile(stamp, 'utf8').catch(() => '')) === hash) return;
  if (!(await matches(lock))) {
    const count = Object.keys(JSON.parse(lock).packages).length;
    await withProgress(`installing ${count} npm packages (the first time only)`, npmCi);
  }
  await mkdir(at('node_modules', '.cache', 'isthmus'), { recursive: true });
  await writeFile(stamp, hash);
}

/** Whether npm's own record of what it installed agrees with the lock: after `npm install` there is nothing to do. */
async function matches(lock) {
  const record = await readFile(at('node_modules', '.package-lock.json'), 'utf8').catch(() => undefined);
  if (record === undefined) return false;
  const { packages: have } = JSON.parse(record);
  return Object.entries(JSON.parse(lock).packages).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/')) return true; // the project itself and its workspaces
    const found = have[path];
    if (found === undefined) return wanted.optional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

async function npmCi() {
  // No package of ours needs its install script, and a script is the easiest way to run foreign code on this machine.
  const { code, output } = await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (code !== 0) throw new Error(`\`npm ci\` ended with code ${code}:\n${output}`);
}
