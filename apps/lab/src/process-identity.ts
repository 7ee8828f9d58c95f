import { readFile } from 'node:fs/promises';

/** A process beyond doubt: pids are used again, a pid together with its start is not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since the machine's start, field 22 of `/proc/PID/stat`; undefined where there is no `/proc`. */
  readonly startTicks: number | undefined;
}

/** Undefined when there is no such process. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return { pid, startTicks: undefined };
  return isZombie(stat) ? undefined : { pid, startTicks: startTicksOf(stat) };
}

/** Whether exactly this process still runs. */
export async function isAlive({ pid, startTicks }: ProcessIdentity): Promise<boolean> {
  const now = await identify(pid);
  return now !== undefined && now.startTicks === startTicks;
}

/** The second field is the program's name in brackets, and it may hold spaces and brackets: count from the last one. */
export function startTicksOf(stat: string): number {
  return Number(afterName(stat)[19]);
}

function isZombie(stat: string): boolean {
  return afterName(stat)[0] === 'Z';
}

function afterName(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
