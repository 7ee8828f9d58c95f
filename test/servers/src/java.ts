/** How the JVM servers are started: small, and with nothing written outside their directory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { classPath } from './build-maven.ts';

export interface JavaLaunch {
  readonly home: string;
  readonly dir: string;
  readonly mainClass: string;
  /** Maximum heap; MB. */
  readonly heapMb: number;
  /** Directories of resources before everything else on the class path. */
  readonly resources?: readonly string[];
  readonly jvmFlags: readonly string[];
  readonly args: readonly string[];
}

export async function javaCommand(launch: JavaLaunch): Promise<readonly string[]> {
  const tmp = join(launch.dir, 'tmp'); // a native library of 14 MB is unpacked a run
  await mkdir(tmp, { recursive: true });
  const sizes = [`-Xmx${launch.heapMb}m`, '-Xms48m', '-Xss512k', '-XX:MaxMetaspaceSize=192m', '-XX:ReservedCodeCacheSize=48m'];
  const thrift = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto'];
  const places = [`-Djava.io.tmpdir=${tmp}`, `-Duser.home=${launch.dir}`];
  const path = [...(launch.resources ?? []), await classPath(launch.home)].join(':');
  return ['java', ...sizes, ...thrift, ...places, ...launch.jvmFlags, '-cp', path, launch.mainClass, ...launch.args];
}

/** The text of a `.properties` file; none of our values needs escaping beyond a backslash. */
export function properties(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('');
}
