import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildStep, type BuildContext } from './build-step.ts';
import type { Recipe } from './versions.ts';

const run = promisify(execFile);

/** One program of a module that `go.mod` and `go.sum` pin. Module and build caches are the user's own (`go env GOMODCACHE GOCACHE`). */
export async function buildGo(context: BuildContext, recipe: Extract<Recipe, { kind: 'go' }>): Promise<void> {
  await cp(context.recipe, context.dir, { recursive: true });
  await mkdir(join(context.dir, 'bin'));
  const env = {
    // The toolchain that is installed, not one that go.mod would download; no C compiler needed.
    GOTOOLCHAIN: 'local',
    CGO_ENABLED: '0',
    GOPROXY: await moduleProxy(),
    // A user's own GOFLAGS (`-mod=vendor`) would break this build.
    GOFLAGS: '-buildvcs=false -mod=readonly',
  };
  context.phase('fetching');
  // Loads the packages and with them just the modules that they need; `go mod download` would fetch all that go.mod names.
  await buildStep(context, ['go', 'list', '-deps', '-f', '{{""}}', recipe.package], env);
  context.phase('building');
  await buildStep(
    context,
    ['go', 'build', '-p', '2', '-trimpath', '-ldflags', '-s -w', '-o', recipe.program, recipe.package],
    env,
  );
}

/** Without `,direct`: the fallback to git turns "not in the proxy" into errors about repositories and passwords. */
async function moduleProxy(): Promise<string> {
  const { stdout } = await run('go', ['env', 'GOPROXY']);
  return stdout.trim().replace(/[,|]direct$/, '');
}
