/**
 * `node --conditions=source test/servers/src/provision.ts [--list] [--nice] [names…]`: builds what is missing, two at a time, the quick
 * ones first. Exit code 0 when all are there, 1 when one could not be had, 2 on wrong usage.
 */
import { existsSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheKey, cacheRoot } from './cache.ts';
import { recordClasses } from './class-archive.ts';
import { startDubboProvider } from './dubbo.ts';
import { startEureka } from './eureka.ts';
import { withLock } from './lock.ts';
import { startNacos2, startNacos3 } from './nacos.ts';
import { formatProgress, printProgress, readProgress } from './progress.ts';
import { provide } from './provide.ts';
import { startSpringApp } from './spring.ts';
import { isServerName, serverNames, servers, type ServerName } from './versions.ts';
import { startZookeeper } from './zookeeper.ts';

const buildsAtOnce = 2;

const recordsClasses = true;

/** What tests start by the dozen; applications are recorded beside the registry that most of them have. */
const recorded = {
  nacos2: () => startNacos2({ recordsClasses }),
  nacos3: () => startNacos3({ recordsClasses }),
  eureka: () => startEureka({ recordsClasses }),
  spring: async () => {
    const eureka = await startEureka();
    const address = `http://127.0.0.1:${eureka.ports.http}/eureka/`;
    return beside(eureka, () => startSpringApp({ registry: 'eureka', address, recordsClasses }));
  },
  dubbo: async () => {
    const zookeeper = await startZookeeper();
    const registry = `zookeeper://127.0.0.1:${zookeeper.ports.client}`;
    return beside(zookeeper, () => startDubboProvider({ registry, recordsClasses }));
  },
} satisfies Partial<Record<ServerName, () => Promise<Stoppable>>>;

interface Stoppable {
  stop(): Promise<void>;
}

/** An application whose registry ends after it. */
async function beside(registry: Stoppable, start: () => Promise<Stoppable>): Promise<Stoppable> {
  const application = await start().catch(async (error: unknown) => {
    await registry.stop();
    throw error;
  });
  return { stop: () => application.stop().finally(() => registry.stop()) };
}

async function list(names: readonly ServerName[]): Promise<void> {
  const root = cacheRoot();
  for (const name of names) {
    const { version } = servers[name];
    const home = join(root, await cacheKey(name, version));
    if (existsSync(home)) {
      console.log(`${name} ${version}: ${home}`);
      continue;
    }
    const progress = await readProgress(root, name);
    const under = progress !== undefined && progress.phase !== 'ready';
    console.log(under ? formatProgress(progress) : `${name} ${version}: not built (about ${servers[name].coldSeconds} s)`);
  }
}

async function buildAll(names: readonly ServerName[]): Promise<number> {
  const queue = [...names].sort((a, b) => servers[a].coldSeconds - servers[b].coldSeconds);
  const onProgress = printProgress(process.stderr, 10_000, true);
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      try {
        const { home } = await provide(name, { onProgress });
        if (name in recorded) await record(name as keyof typeof recorded, home);
      } catch {
        failed += 1; // printed as progress; the others go on
      }
    }
  };
  await Promise.all(Array.from({ length: buildsAtOnce }, worker));
  return failed === 0 ? 0 : 1;
}

async function record(name: keyof typeof recorded, home: string): Promise<void> {
  const run = async (): Promise<void> => {
    const server = await recorded[name]();
    await server.stop();
  };
  try {
    await withLock(`${home}.classes.lock`, () => recordClasses(home, run));
  } catch (error) {
    console.error(
      `${name}: its starts stay slow, its classes could not be recorded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { list: { type: 'boolean', default: false }, nice: { type: 'boolean', default: false } },
  });
  const unknown = positionals.filter((name) => !isServerName(name));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(', ')}; there are ${serverNames.join(', ')}`);
    return 2;
  }
  const names = positionals.length > 0 ? positionals.filter(isServerName) : serverNames;
  if (values.nice) setPriority(constants.priority.PRIORITY_LOW); // the builds inherit it
  if (values.list) {
    await list(names);
    return 0;
  }
  return buildAll(names);
}

process.exitCode = await main();
