import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Of the sessions of a registry and of what makes the load. In production they have machines of their own; here they would take the
 * CPUs from the bridge and its clients. A session at 10 has a tenth of the weight of one at 0, and all that the others do not want;
 * at 19 a registry stands still.
 */
export const NICENESS_BESIDE = 10;

/** What each scenario says of it. */
export const BESIDE = `The registry, and what makes the load, yield the CPUs to the bridge and its clients (sessions at niceness ${NICENESS_BESIDE}): in production they have machines of their own.`;

/**
 * The whole session of a process gets this niceness: beside others that of a process counts for nothing (sched_autogroup(7)).
 * @returns what the kernel has now; undefined where it does not share its CPUs out by session
 */
export function yieldCpus(pid: number): number | undefined {
  const file = `/proc/${pid}/autogroup`;
  try {
    writePatiently(file, `${NICENESS_BESIDE}`);
    const niceness = / nice (-?\d+)/.exec(readFileSync(file, 'utf8'))?.[1];
    return niceness === undefined ? undefined : Number(niceness);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of a user without CAP_SYS_ADMIN the kernel takes one niceness in a tenth of a second (kernel/sched/autogroup.c). */
function writePatiently(file: string, text: string): void {
  for (let tries = 0; ; tries += 1) {
    try {
      return writeFileSync(file, text);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries === 20) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}
