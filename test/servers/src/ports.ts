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

type Range = readonly [from: number, to: number];

const ALONE: Range = [20_000, 27_000];
/** Nacos needs the ports 1,000 below, 1,000 above and 1,001 above: the neighbours of these are nobody else's. */
const WITH_NEIGHBOURS: Range = [28_000, 28_992];
const PARTS = 8;
const given = new Set<number>();

/**
 * Where a port is looked for.
 * @param worker Jest's number of it, or the part's, from 1; undefined: it is no worker
 * @param hasNeighbours it comes with others at offsets from it
 */
export function rangeOf(worker: string | undefined, hasNeighbours = false): Range {
  const [lowest, highest] = hasNeighbours ? WITH_NEIGHBOURS : ALONE;
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
  const hasNeighbours = offsets.length > 0;
  const [from, to] = rangeOf(process.env['JEST_WORKER_ID'] ?? process.env['ISTHMUS_PART_OF_PORTS'], hasNeighbours);
  for (let tries = 0; tries < 500; tries += 1) {
    // Not the last one of a part: 1,001 above it is 1,000 above the first of the next.
    const base = randomInt(from, hasNeighbours ? to - 1 : to);
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
