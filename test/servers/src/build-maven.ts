import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildStep, fetchStep, type BuildContext } from './build-step.ts';

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1';

/**
 * Jars into `lib/`, their order into `classpath`, launcher classes (where there are any) and `resources/` into `classes/`. The order is Maven's own: with `lib/*` Nacos picks
 * the wrong one of two hessians. The local repository is the user's (`~/.m2` or what their settings say).
 */
export async function buildMaven(context: BuildContext): Promise<void> {
  context.phase('fetching');
  await cp(context.recipe, context.dir, { recursive: true });
  const copy = [`${plugin}:copy-dependencies`, '-DoutputDirectory=lib', '-DincludeScope=runtime'];
  const order = [`${plugin}:build-classpath`, '-Dmdep.prefix=lib', '-Dmdep.outputFile=classpath'];
  await fetchStep(context, ['mvn', '--batch-mode', '--quiet', ...copy, ...order]);
  context.phase('building');
  const classes = join(context.dir, 'classes');
  await mkdir(classes);
  const resources = join(context.dir, 'resources');
  if (existsSync(resources)) await cp(resources, classes, { recursive: true });
  if (!existsSync(join(context.dir, 'src'))) return; // ZooKeeper has a main class of its own
  const jars = (await readFile(join(context.dir, 'classpath'), 'utf8')).trim();
  const sources = (await readdir(join(context.dir, 'src'), { recursive: true })).filter((file) => file.endsWith('.java')).sort();
  const options = ['-nowarn', '-proc:none', '-cp', `classes:${jars}`, '-d', 'classes'];
  await buildStep(context, ['javac', ...options, ...sources.map((file) => join('src', file))]);
}

/** The class path of a finished build, with absolute paths; `classes` instead of our own classes. */
export async function classPath(home: string, classes: string = join(home, 'classes')): Promise<string> {
  const jars = (await readFile(join(home, 'classpath'), 'utf8')).trim().split(':');
  return [classes, ...jars.map((path) => join(home, path))].join(':');
}
