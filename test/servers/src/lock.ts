/**
 * A lock file between processes of one user: the owner's pid and start time inside, so that a crashed owner's lock is taken over.
 * The file appears with its content in one step (a hard link to a finished file), because a reader between "created" and "written"
 * would see an empty owner and take the lock away.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot: tells a reused pid from the owner. Undefined where /proc does not exist. */
  readonly started: string | undefined;
  /** One process may want the same lock twice. */
  readonly id: string;
}

export interface LockOptions {
  /** Called once when somebody else has it. */
  readonly onWait?: (ownerPid: number) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds between looks; default 200. */
  readonly pollMs?: number;
}

/** Waits for the lock, runs `work`, releases it. @throws what `work` throws, or the signal's reason. */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const mine: Owner = { pid: process.pid, started: processStarted(process.pid), id: randomUUID() };
  const draft = `${path}.${mine.id}`;
  await writeFile(draft, JSON.stringify(mine));
  try {
    await acquire(path, draft, options);
  } finally {
    await rm(draft, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, draft: string, options: LockOptions): Promise<void> {
  let told = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await linked(draft, path)) return;
    const owner = await ownerOf(path);
    if (owner === undefined) continue; // released just now
    if (!isAlive(owner)) {
      await takeAway(path, owner);
      await delay(Math.min(options.pollMs ?? 200, 20)); // somebody else may be at it
      continue;
    }
    if (!told) options.onWait?.(owner.pid);
    told = true;
    await delay(options.pollMs ?? 200, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}

async function linked(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** A process that dies between the two steps of a takeover leaves its claim; after this many ms it counts no more. */
const CLAIM_MS = 5_000;

/**
 * Removes a dead owner's lock. Just removing it would be a race: between our look and the removal another process may
 * have taken over, and we would remove its lock. So one process claims the dead owner, by a hard link that has the dead
 * owner's name and can be made once; what it linked shows whether the lock still was the dead one's. Only then does
 * nobody else remove it.
 */
async function takeAway(path: string, dead: Owner): Promise<void> {
  const claim = `${path}.dead-${dead.id}`;
  try {
    await link(path, claim);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') return; // the lock is gone already
    const { ctimeMs } = await stat(claim).catch(() => ({ ctimeMs: Date.now() }));
    if (Date.now() - ctimeMs > CLAIM_MS) await rm(claim, { force: true });
    return;
  }
  if ((await ownerOf(claim))?.id === dead.id) await rm(path, { force: true });
  await rm(claim, { force: true });
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { pid, started, id } = JSON.parse(text) as Partial<Owner>;
    if (typeof pid === 'number' && typeof id === 'string') return { pid, started, id };
  } catch {
    // not ours, or cut off by a full disk: nobody holds it
  }
  return { pid: -1, started: undefined, id: '' };
}

function isAlive({ pid, started }: Pick<Owner, 'pid' | 'started'>): boolean {
  return pid > 0 && processExists(pid) && processStarted(pid) === started;
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/<pid>/stat; the command name before it may hold spaces and parentheses. */
function processStarted(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
