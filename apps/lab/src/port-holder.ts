import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { isFree } from '@isthmus/servers';

export interface BusyPort {
  readonly port: number;
  readonly use: string;
  /** `java (pid 4711)`; undefined where the system does not tell (another user's process, not Linux). */
  readonly holder: string | undefined;
}

/** Those of the ports that somebody already listens on. */
export async function busyPorts(
  wanted: readonly { readonly port: number; readonly use: string }[],
): Promise<readonly BusyPort[]> {
  const busy: BusyPort[] = [];
  for (const { port, use } of wanted) if (!(await isFree(port))) busy.push({ port, use, holder: await holderOf(port) });
  return busy;
}

/** One line for each holder, and what to do. */
export function describeBusy(busy: readonly BusyPort[]): string {
  const byHolder = Map.groupBy(busy, ({ holder }) => holder);
  const lines = [...byHolder].map(([holder, ports]) => {
    const list = ports.map(({ port, use }) => `${port} (${use})`).join(', ');
    return `${ports.length === 1 ? 'port' : 'ports'} ${list} taken${holder === undefined ? '' : ` by ${holder}`}`;
  });
  return `${lines.join('\n')}\nStop what holds them, or start the lab beside it: isthmus lab up --port-offset 10000 --dir .isthmus/lab-2`;
}

async function holderOf(port: number): Promise<string | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const inode of listeningInodes(await readFile(table, 'utf8').catch(() => ''), port)) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if (!inodes.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) continue;
      // Not `comm`: Node calls its main thread MainThread.
      const [program = ''] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      return `${basename(program) || 'a process'} (pid ${pid})`;
    }
  }
  return undefined;
}

/** Inodes of the sockets that listen on `port`, from the text of `/proc/net/tcp` (proc(5): state 0A is LISTEN). */
export function listeningInodes(table: string, port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    return state === '0A' && local?.endsWith(`:${hex}`) && inode !== undefined ? [inode] : [];
  });
}
