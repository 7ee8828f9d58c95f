/** Is what a build needs installed? One line that says what to install, before anything is fetched. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Tool } from './versions.ts';

const run = promisify(execFile);

const probes: Readonly<Record<Tool, { readonly command: readonly [string, ...string[]]; readonly install: string }>> = {
  java: { command: ['java', '-version'], install: 'a JDK 17 or newer (Debian: apt-get install openjdk-17-jdk-headless)' },
  javac: {
    command: ['javac', '-version'],
    install: 'a JDK 17 or newer, not only a JRE (Debian: apt-get install openjdk-17-jdk-headless)',
  },
  mvn: { command: ['mvn', '-v'], install: 'Maven 3.8 or newer (Debian: apt-get install maven)' },
  go: { command: ['go', 'version'], install: 'Go 1.26 or newer (https://go.dev/dl)' },
  'apt-get': { command: ['apt-get', '--version'], install: 'a Debian or Ubuntu machine, as root' },
  openssl: { command: ['openssl', 'version'], install: 'OpenSSL 3 (Debian: apt-get install openssl)' },
  npm: { command: ['npm', '--version'], install: 'Node 20 with npm (https://nodejs.org)' },
  python3: { command: ['python3', '--version'], install: 'Python 3.9 or newer (Debian: apt-get install python3 python3-pip)' },
  pip: { command: ['python3', '-m', 'pip', '--version'], install: "Python's pip (Debian: apt-get install python3-pip)" },
};

export class MissingToolError extends Error {
  readonly tool: Tool;
  constructor(tool: Tool, neededFor: string, install: string) {
    super(`${neededFor} needs \`${tool}\`, which is not on PATH: install ${install}`);
    this.name = 'MissingToolError';
    this.tool = tool;
  }
}

/** @throws {MissingToolError} for the first that does not run. */
export async function requireTools(
  tools: readonly Tool[],
  neededFor: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  for (const tool of tools) {
    const { command, install } = probes[tool];
    const [program, ...args] = command;
    try {
      await run(program, args, { env, timeout: 60_000 });
    } catch {
      throw new MissingToolError(tool, neededFor, install);
    }
  }
}
