import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessIdentity } from './process-identity.ts';

/** What other processes may know of a running lab: `lab.json` in its directory. */
export interface LabState {
  readonly lab: ProcessIdentity;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly console: string;
  readonly web: string;
  readonly parts: readonly PartRecord[];
}

export interface PartRecord {
  readonly name: string;
  /** As the live view says it: `up`, `building, 132 s`, … */
  readonly state: string;
  readonly process?: ProcessIdentity;
  readonly log?: string;
}

function path(dir: string): string {
  return join(dir, 'lab.json');
}

/** Replaced in one step: a reader never sees half of it. */
export async function writeState(dir: string, state: LabState): Promise<void> {
  await mkdir(dir, { recursive: true });
  const draft = `${path(dir)}.${process.pid}`;
  await writeFile(draft, `${JSON.stringify(state, undefined, 2)}\n`);
  await rename(draft, path(dir));
}

/** Undefined when no lab was started there, or the file is not one of ours. */
export async function readState(dir: string): Promise<LabState | undefined> {
  try {
    const value = JSON.parse(await readFile(path(dir), 'utf8')) as LabState;
    return typeof value.lab.pid === 'number' && Array.isArray(value.parts) ? value : undefined;
  } catch {
    return undefined;
  }
}

export async function removeState(dir: string): Promise<void> {
  await rm(path(dir), { force: true });
}
