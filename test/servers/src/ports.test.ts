import { createServer } from 'node:net';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { freePortBase, freePorts, isFree } from './ports.ts';

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
  const base = await freePortBase([1000, 1001, -1000]);
  for (const offset of [0, 1000, 1001, -1000]) expect(await isFree(base + offset)).toBe(true);
});
