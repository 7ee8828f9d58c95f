import type { Io } from '../io.ts';
import { run } from '../program.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the command would have become: `bridge serve -c x`. */
  readonly became: string | undefined;
}

/** The time in every test: 2026-11-21 12:00 UTC. */
export const NOW = Date.UTC(2026, 10, 21, 12);

export async function runCli(
  args: readonly string[],
  over: Partial<Pick<Io, 'ask' | 'env' | 'cwd' | 'stdin'>> = {},
): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  let became: string | undefined;
  const code = await run(args, {
    stdin: nothing(),
    stdout: { write: (text) => void (stdout += text) },
    stderr: { write: (text) => void (stderr += text) },
    env: {},
    cwd: '/nowhere',
    now: () => NOW,
    ask: () => Promise.reject(new Error('nothing is to be asked')),
    become: (app, rest) => void (became = [app, ...rest].join(' ')),
    ...over,
  });
  return { code, stdout, stderr, became };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
