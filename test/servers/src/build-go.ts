import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { buildStep, fetchStep, type BuildContext } from './build-step.ts';
import type { Recipe } from './versions.ts';

const run = promisify(execFile);

/** One program of a module that `go.mod` and `go.sum` pin. Module and build caches are the user's own (`go env GOMODCACHE GOCACHE`). */
export async function buildGo(context: BuildContext, recipe: Extract<Recipe, { kind: 'go' }>): Promise<void> {
  await cp(context.recipe, context.dir, { recursive: true });
  await mkdir(join(context.dir, 'bin'));
  const env = await goEnvironment();
  const linkerFlags = ['-s', '-w', ...(recipe.set ?? []).map((value) => `-X ${value.replace('$version', context.version)}`)];
  context.phase('fetching');
  // Loads the packages and with them just the modules that they need; `go mod download` would fetch all that go.mod names.
  await fetchStep(context, ['go', 'list', '-deps', '-f', '{{""}}', recipe.package], env);
  context.phase('building');
  await buildStep(
    context,
    ['go', 'build', '-p', '2', '-trimpath', '-ldflags', linkerFlags.join(' '), '-o', recipe.program, recipe.package],
    env,
  );
}

/** Copies the file out of the module, which Go has checked against `go.sum`. */
export async function fetchGoFile(context: BuildContext, recipe: Extract<Recipe, { kind: 'go-file' }>): Promise<void> {
  await cp(context.recipe, context.dir, { recursive: true });
  const env = await goEnvironment();
  context.phase('fetching');
  await fetchStep(context, ['go', 'mod', 'download', recipe.module], env);
  const { stdout } = await run('go', ['list', '-m', '-f', '{{.Dir}}', recipe.module], {
    cwd: context.dir,
    env: { ...process.env, ...env },
  });
  await copyFile(join(stdout.trim(), recipe.file), join(context.dir, basename(recipe.file)));
}

async function goEnvironment(): Promise<NodeJS.ProcessEnv> {
  return {
    // The toolchain that is installed, not one that go.mod would download; no C compiler needed.
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    GOPROXY: await moduleProxy(),
    // A user's own GOFLAGS (`-mod=vendor`) would break this build.
    GOFLAGS: '-buildvcs=false -mod=readonly',
  };
}

/** Without `,direct`: the fallback to git turns "not in the proxy" into errors about repositories and passwords. */
async function moduleProxy(): Promise<string> {
  const { stdout } = await run('go', ['env', 'GOPROXY']);
  return stdout.trim().replace(/[,|]direct$/, '');
}
