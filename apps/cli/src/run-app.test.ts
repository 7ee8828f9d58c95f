import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CliError } from './exit-code.ts';
import { askApp, becomeApp, builtEntry } from './run-app.ts';

const ROOT = join(import.meta.dirname, '../../..');

test('built apps are found from the source of the CLI and from its build', () => {
  const fromSource = builtEntry('bridge', pathToFileURL(join(ROOT, 'apps/cli/src/run-app.ts')).href);
  const fromBuild = builtEntry('bridge', pathToFileURL(join(ROOT, 'dist/apps/cli/apps/cli/src/run-app.js')).href);
  expect([fromSource, fromBuild]).toEqual(Array(2).fill(join(ROOT, 'dist/apps/bridge/apps/bridge/src/main.js')));
});

test('an app that is not built is named, with the command that builds it', () => {
  const missing = () => becomeApp('lab', [], {}, '/nowhere/main.js');
  expect(missing).toThrow(CliError);
  expect(missing).toThrow(/the lab is not built: \/nowhere\/main\.js is missing\. Run `npm run build`/);
});

describe('becoming another program', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-become-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  /** A process that becomes `app.mjs`, with what it wrote to stdout. */
  async function start(app: string, args: readonly string[]) {
    const entry = join(directory, 'app.mjs');
    await writeFile(entry, app);
    const script = join(directory, 'start.mjs');
    const source = pathToFileURL(join(import.meta.dirname, 'run-app.ts')).href;
    await writeFile(
      script,
      `import { becomeApp } from ${JSON.stringify(source)};\nbecomeApp('bridge', ${JSON.stringify(args)}, process.env, ${JSON.stringify(entry)});\n`,
    );
    const child = spawn(process.execPath, ['--conditions=source', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const said = new Promise<string>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (stdout.includes('\n')) resolve(stdout);
      });
    });
    return { child, ended, said };
  }

  test('keeps the process id, passes the arguments and the exit code', async () => {
    const { child, ended, said } = await start('console.log(process.pid, ...process.argv.slice(2)); process.exitCode = 7;', [
      'serve',
      '-c',
      'a b',
    ]);
    expect(await said).toBe(`${child.pid} serve -c a b\n`);
    expect(await ended).toBe(7);
  });

  test('beside this one has its words and its exit code, however it ends', async () => {
    const entry = join(directory, 'app.mjs');
    const env = { ...process.env, WORD: 'héllo' };
    await writeFile(
      entry,
      `console.log(process.env.WORD, ...process.argv.slice(2)); console.error('why'); process.exitCode = 7;`,
    );
    expect(await askApp('bridge', ['configs', 'a b'], env, entry)).toEqual({
      code: 7,
      stdout: 'héllo configs a b\n',
      stderr: 'why\n',
    });
    await writeFile(entry, `process.kill(process.pid, 'SIGKILL');`);
    expect(await askApp('bridge', [], env, entry)).toMatchObject({ code: 1 });
    expect(() => askApp('bridge', [], env, '/nowhere/main.js')).toThrow(/the bridge is not built/);
  });

  test('lets signals reach the app itself', async () => {
    const app = `process.on('SIGTERM', () => { clearInterval(timer); process.exitCode = 5; }); const timer = setInterval(() => {}, 1000); console.log('up');`;
    const { child, ended, said } = await start(app, []);
    await said;
    child.kill('SIGTERM');
    expect(await ended).toBe(5);
    expect(existsSync(`/proc/${child.pid}`)).toBe(false);
  });
});
