/**
 * Free loopback ports.
 *
 * They come from below the kernel's ephemeral range: a port that `bind(0)` returned can be taken by any outgoing connection before the
 * server gets to it, which with dozens of clients under test happens. Seconds pass until a server listens, in which nobody else may be
 * given its port: no process gives one twice, and each of Jest's workers has a part of the range, as Jest itself has for what it lends
 * (test/lending.mjs). Two runs at once can still pick the same; `ManagedServer` starts again with other ports then.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const lowest = 20_000;
const highest = 32_000;
const PARTS = 8;
const given = new Set<number>();

/** Where the first port of a group is looked for. @param worker Jest's number of it, or the part's, from 1; undefined: it is no worker */
export function rangeOf(worker: string | undefined): readonly [from: number, to: number] {
  const size = (highest - lowest) / PARTS;
  const part = (Number(worker) - 1) % PARTS;
  return part >= 0 ? [lowest + part * size, lowest + (part + 1) * size] : [lowest, highest];
}

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
  const [from, to] = rangeOf(process.env['JEST_WORKER_ID'] ?? process.env['ISTHMUS_PART_OF_PORTS']);
  for (let tries = 0; tries < 500; tries += 1) {
    const base = randomInt(from, to);
    const all = [0, ...offsets].map((offset) => base + offset);
    if (all.some((port) => taken.has(port) || given.has(port) || port < 1024 || port > 65_535)) continue;
    const free = await Promise.all(all.map(isFree));
    if (!free.every(Boolean)) continue;
    for (const port of all) given.add(port);
    return base;
  }
  throw new Error(
    `no free loopback port between ${from} and ${to} with all of ${offsets.join(', ')} beside it; what listens there?`,
  );
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePortBase([], ports));
  return [...ports];
}
