import { openSync, readSync } from 'node:fs';

const text = Buffer.alloc(128);
let file: number | undefined;

/**
 * How long this process's main thread has been ready to run and had no CPU, ms since it started: what the kernel's scheduler
 * says of it (/proc/<pid>/schedstat, its second number, in ns). It does not count waiting for anything else.
 */
export function starvedMs(): number {
  file ??= openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const [, waited] = text.toString('latin1', 0, readSync(file, text, 0, text.length, 0)).split(' ');
  return Number(waited) / 1e6;
}
