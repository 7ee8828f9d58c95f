import { cpus, loadavg, platform, release, totalmem } from 'node:os';

/** One line per fact of the machine that figures depend on; no name and no path of it. */
export function machine(): readonly string[] {
  const [cpu] = cpus();
  return [
    `CPU: ${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}`,
    `memory: ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `system: ${platform()} ${release()}`,
    `Node.js: ${process.version}`,
  ];
}

/** Runnable processes over the last 1, 5 and 15 minutes: above the number of CPUs, others took part of the time. */
export function load(): string {
  return loadavg()
    .map((value) => value.toFixed(1))
    .join(', ');
}
