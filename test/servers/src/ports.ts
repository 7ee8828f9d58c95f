/**
 * Free loopback ports.
 *
 * They come from below the kernel's ephemeral range: a port that `bind(0)` returned can be taken by any outgoing connection before the
 * server gets to it, which with dozens of clients under test happens. Two test workers that pick the same port at the same moment are
 * still possible; `ManagedServer` starts again with other ports then.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const lowest = 20_000;
const highest = 32_000;

export async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * A port p for which p + each offset is free too, not counting `taken`.
 * @throws {Error} after 500 tries.
 */
export async function freePortBase(offsets: readonly number[], taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let tries = 0; tries < 500; tries += 1) {
    const base = randomInt(lowest, highest);
    const all = [0, ...offsets].map((offset) => base + offset);
    if (all.some((port) => taken.has(port) || port < 1024 || port > 65_535)) continue;
    const free = await Promise.all(all.map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new Error(
    `no free loopback port between ${lowest} and ${highest} with all of ${offsets.join(', ')} beside it; what listens there?`,
  );
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePortBase([], ports));
  return [...ports];
}
