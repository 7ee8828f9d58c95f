import { open, readFile, rm } from 'node:fs/promises';
import { IsthmusError } from '@isthmus/model';

/**
 * One bridge per ledger directory: two writers would tear the journal. The lock holds the owner's pid; a lock whose
 * owner is gone (kill -9, power loss) is taken over.
 *
 * @throws IsthmusError `ledger.unwritable` when a living process holds it.
 */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    if (owner !== process.pid && isAlive(owner)) {
      throw new IsthmusError('ledger.unwritable', `another bridge (pid ${owner}) writes this ledger`, {
        where: path,
        meaning: 'two writers would damage it',
        remedy: 'stop that bridge, or give this one its own ledger under ledger.file',
      });
    }
    await rm(path, { force: true });
  }
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
