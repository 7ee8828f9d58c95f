import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { freePortBase, freePorts, isFree, rangeOf } from './ports.ts';

const NEIGHBOURS = [0, 1000, 1001, -1000];
const WORKERS = ['1', '2', '3', '4', '5', '6', '7', '8'];

test('a port on which something listens is not free', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  expect(await isFree(port)).toBe(false);
  server.close();
  await once(server, 'close');
  expect(await isFree(port)).toBe(true);
});

test('a wildcard listener takes the loopback port too', async () => {
  const server = createServer().listen(0);
  await once(server, 'listening');
  expect(await isFree((server.address() as { port: number }).port)).toBe(false);
  server.close();
});

test('ports are distinct and below the range from which the kernel takes ports for outgoing connections', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toBeLessThan(32_768);
});

test('a base comes with all its neighbours free', async () => {
  const base = await freePortBase(NEIGHBOURS.slice(1));
  for (const offset of NEIGHBOURS) expect(await isFree(base + offset)).toBe(true);
});

test('nobody is given a port twice, though nothing listens there yet', async () => {
  const ports: number[] = [];
  for (let n = 0; n < 40; n += 1) ports.push(...(await freePorts(5)));
  for (let n = 0; n < 8; n += 1) ports.push(await freePortBase(NEIGHBOURS.slice(1)));
  expect(new Set(ports).size).toBe(ports.length);
});

test('workers that run side by side have ports of their own', () => {
  const ranges = WORKERS.map((worker) => rangeOf(worker));
  for (const [n, [from, to]] of ranges.entries()) {
    expect(to - from).toBeGreaterThan(800);
    if (n > 0) expect(from).toBe(ranges[n - 1]?.[1]);
  }
  expect(rangeOf('9')).toEqual(ranges[0]);
  expect(rangeOf(undefined)).toEqual([ranges[0]?.[0], ranges[7]?.[1]]);
});

test('so are those that come with neighbours', () => {
  const owners = new Map<number, string>();
  const ofTwo: number[] = [];
  const own = (worker: string, port: number): void => {
    if ((owners.get(port) ?? worker) !== worker) ofTwo.push(port);
    owners.set(port, worker);
  };
  for (const worker of WORKERS) {
    const [from, to] = rangeOf(worker);
    for (let port = from; port < to; port += 1) own(worker, port);
    const [first, end] = rangeOf(worker, true);
    for (let base = first; base < end - 1; base += 1) for (const offset of NEIGHBOURS) own(worker, base + offset);
  }
  expect(ofTwo).toEqual([]);
  expect(Math.max(...owners.keys())).toBeLessThan(32_768);
});

test('a base is looked for where its neighbours are nobody else’s', async () => {
  const [from, to] = rangeOf(process.env['JEST_WORKER_ID'], true);
  const base = await freePortBase(NEIGHBOURS.slice(1));
  expect(base).toBeGreaterThanOrEqual(from);
  expect(base).toBeLessThan(to - 1);
});
