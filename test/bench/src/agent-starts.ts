import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REGISTER } from './agent-cost-plan.ts';
import { spreadOf } from './paired.ts';
import type { Spread } from './paired.ts';
import { median } from './statistics.ts';

const run = promisify(execFile);

/** A service: what it needs of its own and of Node's, and a port. */
const STARTED = `require('./own.js');
require('node:http').createServer().listen(0, '127.0.0.1', () => {
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ wallMs: performance.now(), cpuMs: (user + system) / 1000 }));
  process.exit(0);
});`;

/** A service that has called and been called, two seconds after its start; Node's own undici, which `fetch` loads, has 11 MB of its own. */
const resting = (fetches: boolean): string => `require('./own.js');
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const server = http.createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const call = () => new Promise((resolve) => http.get({ host: '127.0.0.1', port, agent }, (answer) => answer.resume().once('end', resolve)));
  for (let n = 0; n < 500; n += 1) await call();
  if (${fetches}) await (await fetch('http://127.0.0.1:' + port)).text();
  setTimeout(() => {
    gc(); gc();
    const { rss, heapUsed } = process.memoryUsage();
    console.log(JSON.stringify({ rss, heapUsed }));
    process.exit(0);
  }, 2000);
});`;

export interface Start {
  readonly what: string;
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Beside a start without the agent, ms. */
  readonly wallMore: Spread;
  readonly cpuMore: Spread;
}

type Env = Readonly<Record<string, string>>;

/**
 * As services are, files of which one needs another, with a package.json: for the first file that a file requires Node takes 2 MB and some
 * CPU, which `node -e` would leave to the agent.
 */
async function withService<T>(script: string, use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-service-'));
  try {
    await writeFile(join(directory, 'package.json'), '{ "type": "commonjs" }');
    await writeFile(join(directory, 'own.js'), 'exports.name = "web";\n');
    const file = join(directory, 'main.js');
    await writeFile(file, script);
    return await use(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function one<T>(file: string, env: Env | undefined, flags: readonly string[] = []): Promise<T> {
  // A cache of compiled code is not what services have.
  const { NODE_COMPILE_CACHE: _none, NODE_OPTIONS: _options, ...others } = process.env;
  const require = env === undefined ? [] : ['--require', REGISTER];
  const { stdout } = await run(process.execPath, [...flags, ...require, file], { env: { ...others, ...env } });
  return JSON.parse(stdout) as T;
}

/** @param kinds by name; undefined: without the agent, which has to be the first */
export async function starts(kinds: ReadonlyMap<string, Env | undefined>, rounds: number): Promise<readonly Start[]> {
  const took = new Map([...kinds.keys()].map((what) => [what, [] as { wallMs: number; cpuMs: number }[]]));
  await withService(STARTED, async (file) => {
    for (const env of kinds.values()) await one(file, env);
    for (let round = 0; round < rounds; round += 1)
      for (const [what, env] of round % 2 === 0 ? kinds : [...kinds].toReversed()) took.get(what)?.push(await one(file, env));
  });
  const [none = []] = took.values();
  return [...took].map(([what, own]) => {
    const more = (of: 'wallMs' | 'cpuMs'): Spread => spreadOf(own.map((each, at) => each[of] - (none[at]?.[of] ?? Number.NaN)));
    const middle = (of: 'wallMs' | 'cpuMs'): number => median(own.map((each) => each[of]));
    return { what, wallMs: middle('wallMs'), cpuMs: middle('cpuMs'), wallMore: more('wallMs'), cpuMore: more('cpuMs') };
  });
}

/** MB that a service with the agent has more than one without, after a full collection. */
export async function memory(
  env: Env,
  fetches: boolean,
  rounds: number,
): Promise<{ readonly rss: Spread; readonly heap: Spread }> {
  const rss: number[] = [];
  const heap: number[] = [];
  await withService(resting(fetches), async (file) => {
    const look = (given: Env | undefined) => one<{ rss: number; heapUsed: number }>(file, given, ['--expose-gc']);
    for (let round = 0; round < rounds; round += 1) {
      const [without, withAgent] = await Promise.all([look(undefined), look(env)]);
      rss.push((withAgent.rss - without.rss) / 2 ** 20);
      heap.push((withAgent.heapUsed - without.heapUsed) / 2 ** 20);
    }
  });
  return { rss: spreadOf(rss), heap: spreadOf(heap) };
}
