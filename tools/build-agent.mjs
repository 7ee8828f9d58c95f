// `@isthmus/agent` as it is published: CommonJS for Node 16 and newer, a thin ESM entry on it, and what it imports of ours built in.
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { bundle } from './bundle-agent.mjs';
import { loadedLate } from './lazy-modules.mjs';
import { at, hashOf, projectNode } from './paths.mjs';
import { run, withProgress } from './run.mjs';

/** The package's folder: what `npm publish` gets. */
export const agentPackage = at('dist', 'packages', 'agent');

const inputs = [
  'libs/agent',
  'libs/ladder',
  'libs/contract',
  'tools/build-agent.mjs',
  'tools/bundle-agent.mjs',
  'tools/lazy-modules.mjs',
  'package-lock.json',
];
const stamp = at('node_modules', '.cache', 'isthmus', 'built-agent');

export async function buildAgent() {
  const hash = await hashOf(inputs, (file) => !/\.test\.ts$|\.worker\.ts$/.test(file));
  if (existsSync(join(agentPackage, 'package.json')) && (await readFile(stamp, 'utf8').catch(() => '')) === hash) return;
  await withProgress('building the agent', build);
  await mkdir(dirname(stamp), { recursive: true });
  // A file of its own: in a clone whose node_modules are hard links it would be that of every tree, and a stale build pass for fresh.
  await rm(stamp, { force: true });
  await writeFile(stamp, hash);
}

async function build() {
  await rm(agentPackage, { recursive: true, force: true });
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  const { code, output } = await run(projectNode(), [tsc, '-p', at('libs', 'agent', 'tsconfig.package.json')]);
  if (code !== 0) throw new Error(`the agent does not compile:\n${output}`);
  const files = await readdir(agentPackage, { recursive: true });
  // Of the contract, and of the model that it is written in, only the types are wanted.
  for (const file of files.filter((name) => /^(contract|model)\/.*\.js$/.test(name))) await rm(join(agentPackage, file));
  for (const file of files.filter(
    (name) => /^(agent|ladder|contract)\/.*(\.d\.ts|\.js)$/.test(name) && !/^contract.*\.js$/.test(name),
  ))
    await linkWithin(file);
  await bundle(agentPackage);
  // Without it the entries could not be loaded for their names.
  await writeFile(join(agentPackage, 'package.json'), '{ "type": "commonjs" }');
  const { version, license } = JSON.parse(await readFile(at('package.json'), 'utf8'));
  const manifest = {
    name: '@isthmus/agent',
    version,
    description:
      'Lets a legacy service hand discovery, load balancing and circuit breaking to its sidecar, rung by rung, and take them back.',
    license,
    type: 'commonjs',
    main: './agent/src/index.js',
    types: './agent/src/index.d.ts',
    ...(await entries()),
    engines: { node: '>=16' },
  };
  await writeFile(join(agentPackage, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** What libs/agent exports from its sources, as the package exports it from the build: one instance for both module systems. */
async function entries() {
  const { exports: sources } = JSON.parse(await readFile(at('libs', 'agent', 'package.json'), 'utf8'));
  const exports = {};
  // For TypeScript that reads no `exports`.
  const types = {};
  for (const [subpath, { source }] of Object.entries(sources)) {
    const built = source.replace('./src/', './agent/src/').replace(/\.ts$/, '');
    const name = subpath === '.' ? 'index' : subpath.slice(2);
    // It does its work by being loaded.
    exports[subpath] = subpath === './register' ? `${built}.js` : await entry(name, built);
    if (subpath !== '.') types[name] = [`${built}.d.ts`];
  }
  return { exports: { ...exports, './package.json': './package.json' }, typesVersions: { '*': types } };
}

/** An ESM file that only names what the CommonJS build has. */
async function entry(name, built) {
  const names = Object.keys((await import(join(agentPackage, `${built}.js`))).default).sort();
  const text = `import agent from '${built}.js';\nexport const { ${names.join(', ')} } = agent;\n`;
  await writeFile(join(agentPackage, `${name}.mjs`), text);
  return { types: `${built}.d.ts`, import: `./${name}.mjs`, require: `${built}.js` };
}

/** `@isthmus/ladder` → `../../ladder/src/index.js`: the package has no dependencies. */
async function linkWithin(file) {
  const path = join(agentPackage, file);
  const text = await readFile(path, 'utf8');
  const linked = text.replaceAll(/(["'])@isthmus\/(ladder|contract)\1/g, (_, quote, lib) => {
    const to = relative(dirname(file), join(lib, 'src', 'index.js'));
    return `${quote}${to.startsWith('.') ? to : `./${to}`}${quote}`;
  });
  const made = file.endsWith('.js') ? loadedLate(file, linked) : linked;
  if (made !== text) await writeFile(path, made);
}
