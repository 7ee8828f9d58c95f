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
    writeFileSync(file, `${NICENESS_BESIDE}`);
    const niceness = / nice (-?\d+)/.exec(readFileSync(file, 'utf8'))?.[1];
    return niceness === undefined ? undefined : Number(niceness);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
