import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { busyPorts, describeBusy, listeningInodes } from './port-holder.ts';

test('a port that somebody listens on is named with its holder, a free one is not', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const busy = await busyPorts([{ port, use: 'nacos' }]);
  server.close();
  await once(server, 'close');
  expect(busy).toEqual([{ port, use: 'nacos', holder: expect.stringMatching(new RegExp(`^node.* \\(pid ${process.pid}\\)$`)) }]);
  expect(await busyPorts([{ port, use: 'nacos' }])).toEqual([]);
});

test('the message says which ports, what for, who has them and what to do', () => {
  const message = describeBusy([
    { port: 8848, use: 'nacos', holder: 'java (pid 4711)' },
    { port: 15_004, use: 'egress', holder: undefined },
    { port: 9848, use: 'nacos', holder: 'java (pid 4711)' },
  ]);
  expect(message.split('\n')).toEqual([
    'ports 8848 (nacos), 9848 (nacos) taken by java (pid 4711)',
    'port 15004 (egress) taken',
    expect.stringContaining('--port-offset 10000'),
  ]);
});

test('only sockets that listen count, whatever their address family', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:2290 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0',
    '   1: 0100007F:2290 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0',
    '   2: 00000000000000000000000001000000:2290 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 333 1',
    '   3: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0',
  ].join('\n');
  expect(listeningInodes(table, 8848)).toEqual(['111', '333']);
});
