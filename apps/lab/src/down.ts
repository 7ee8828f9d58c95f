import { setTimeout as delay } from 'node:timers/promises';
import type { LabOptions } from './lab-options.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { readState, removeState } from './state-file.ts';

/** Milliseconds that a lab may take to stop everything. */
const patienceMs = 30_000;

/** Stops a lab that was started elsewhere: exactly its processes, nobody who got their pids later. Exit code. */
export async function down({ dir }: LabOptions): Promise<number> {
  const state = await readState(dir);
  if (state === undefined) {
    console.error(`no lab was started in ${dir}`);
    return 1;
  }
  if (await isAlive(state.lab)) {
    process.kill(state.lab.pid, 'SIGTERM');
    if (!(await gone(state.lab, patienceMs))) {
      console.error(`the lab (pid ${state.lab.pid}) did not stop within ${patienceMs / 1000} s: killing it`);
      process.kill(state.lab.pid, 'SIGKILL');
    }
  }
  // Its children die with it; whoever is left after that lost its guard.
  for (const { name, process: child } of state.parts) {
    if (child === undefined || (await gone(child, 2_000))) continue;
    console.error(`${name} (pid ${child.pid}) was still there: killing it`);
    process.kill(child.pid, 'SIGKILL');
  }
  await removeState(dir);
  console.log('the lab is down');
  return 0;
}

async function gone(identity: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await delay(100);
  }
  return true;
}
