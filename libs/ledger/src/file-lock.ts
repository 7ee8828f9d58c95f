import { randomUUID } from 'node:crypto';
import { link, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { IsthmusError } from '@isthmus/model';

/** A claim older than this many ms is of a process that was killed. */
const CLAIM_MS = 5_000;

/**
 * One bridge per ledger directory: two writers would tear the journal. The lock holds the owner's pid; a lock whose
 * owner is gone (kill -9, power loss) is taken over.
 *
 * @throws IsthmusError `ledger.unwritable` when a living process holds it.
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  const mine = randomUUID();
  const draft = `${path}.${mine}`;
  // It appears with its content in one step: between "created" and "written" a reader would see no owner.
  await writeFile(draft, `${process.pid} ${mine}`, { mode: 0o600 });
  try {
    await acquire(path, draft);
  } finally {
    await rm(draft, { force: true });
  }
  return () => rm(path, { force: true });
}

async function acquire(path: string, draft: string): Promise<void> {
  for (;;) {
    try {
      await link(draft, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const text = await readFile(path, 'utf8').catch(() => '');
    const owner = Number(text.split(' ')[0]);
    if (owner !== process.pid && isAlive(owner)) {
      throw new IsthmusError('ledger.unwritable', `another bridge (pid ${owner}) writes this ledger`, {
        where: path,
        meaning: 'two writers would damage it',
        remedy: 'stop that bridge, or give this one its own ledger under ledger.file',
      });
    }
    await removeDead(path, text);
  }
}

/**
 * Removes a dead owner's lock unless another process has taken it over since we looked: of all that see the dead owner
 * one makes the link named after it, and what it linked shows whose the lock was at that moment.
 */
async function removeDead(path: string, text: string): Promise<void> {
  const claim = `${path}.dead-${crc32(text).toString(16)}`;
  try {
    await link(path, claim);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const { ctimeMs } = await stat(claim).catch(() => ({ ctimeMs: Date.now() }));
    // Left by one that was killed between the two steps.
    if (code === 'EEXIST' && Date.now() - ctimeMs > CLAIM_MS) await rm(claim, { force: true });
    else await pause(20);
    return;
  }
  if ((await readFile(claim, 'utf8')) === text) await rm(path, { force: true });
  await rm(claim, { force: true });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
