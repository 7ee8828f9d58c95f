// `node tools/complete-lock.mjs [--check]`: after `npm install` with new dependencies.
//
// npm leaves packages for other platforms out of package-lock.json when the registry in use does not have them (a partial mirror), or
// when node_modules existed already (npm/cli#4828). `npm ci` then refuses the lock on every machine. This adds what is missing: name,
// version and platform follow from the package that asks for it. npm keeps these entries, and fetches them only where they fit.
import { readFile, writeFile } from 'node:fs/promises';
import { at } from './paths.mjs';
import { main } from './run.mjs';

const systems = ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'wasi', 'win32'];
const processors = ['arm64', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32', 'arm'];

/** What a name like `@swc/core-linux-x64-musl` says about where it runs. */
function platformOf(name) {
  const os = systems.find((system) => name.includes(system));
  const cpu = processors.find((processor) => name.includes(processor));
  const libc = os !== 'linux' ? undefined : name.includes('musl') ? 'musl' : name.includes('gnu') ? 'glibc' : undefined;
  return { ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }), ...(os && { os: [os] }) };
}

/** Node's own search: beside the package, then in each node_modules above it. */
function resolves(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('node_modules/') - 1, 0))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]) return true;
    if (folder === '') return false;
  }
}

function missingFrom(packages) {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {}, dev }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !resolves(packages, path, name))
      .map(([name, version]) => {
        if (!/^\d/.test(version))
          throw new Error(`${path} asks for ${name} ${version}: not one exact version, so it cannot be added here`);
        return [`node_modules/${name}`, { version, ...(dev && { dev }), optional: true, ...platformOf(name) }];
      }),
  );
}

main(async () => {
  const file = at('package-lock.json');
  const lock = JSON.parse(await readFile(file, 'utf8'));
  const missing = missingFrom(lock.packages);
  if (process.argv.includes('--check')) {
    if (missing.length === 0) return 0;
    const names = missing.map(([path]) => path.replace('node_modules/', ''));
    throw new Error(
      `package-lock.json lacks ${names.length} packages for other platforms (${names[0]}, …): node tools/complete-lock.mjs`,
    );
  }
  const all = [...Object.entries(lock.packages), ...missing].sort(([a], [b]) => a.localeCompare(b, 'en'));
  if (missing.length > 0)
    await writeFile(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(all) }, undefined, 2)}\n`);
  process.stderr.write(`package-lock.json: ${missing.length} packages added\n`);
  return 0;
});
