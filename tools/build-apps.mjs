// `nest build` for each app whose inputs changed since its last build.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { at, hashOf, projectNode } from './paths.mjs';
import { run, withProgress } from './run.mjs';

const shared = ['libs', 'test/servers/src', 'nest-cli.json', 'tsconfig.json', 'package-lock.json'];
const isInput = (file) => !/\.test\.ts$|\/testdata\//.test(file);

/** Where `nest build` puts an app's entry: below the common root of everything that it imports. */
export const entryOf = (app) => at('dist', 'apps', app, 'apps', app, 'src', 'main.js');

export async function buildApps() {
  const { projects } = JSON.parse(await readFile(at('nest-cli.json'), 'utf8'));
  const apps = Object.keys(projects).filter((app) => existsSync(at('apps', app, 'src', 'main.ts')));
  const stale = [];
  for (const app of apps) {
    const stamp = at('node_modules', '.cache', 'isthmus', `built-${app}`);
    const hash = await hashOf([...shared, `apps/${app}`], isInput);
    const fresh = existsSync(entryOf(app)) && (await readFile(stamp, 'utf8').catch(() => '')) === hash;
    if (!fresh) stale.push({ app, stamp, hash });
  }
  if (stale.length === 0) return;
  await withProgress(`building ${stale.map(({ app }) => app).join(', ')}`, () => Promise.all(stale.map(build)));
}

async function build({ app, stamp, hash }) {
  const { code, output } = await run(projectNode(), [at('node_modules', '@nestjs', 'cli', 'bin', 'nest.js'), 'build', app]);
  if (code !== 0) throw new Error(`\`nest build ${app}\` ended with code ${code}:\n${output}`);
  if (!existsSync(entryOf(app))) throw new Error(`\`nest build ${app}\` made no ${entryOf(app)}:\n${output}`);
  await mkdir(at('node_modules', '.cache', 'isthmus'), { recursive: true });
  await rm(stamp, { force: true }); // see build-agent.mjs
  await writeFile(stamp, hash);
}
