/**
 * In a pod, told by its arguments: `serve PORT NAME` answers, and says in a header by which way a call came (Envoy gives each an id); `call
 * PORT HOST…` calls these hosts in turn by kept connections, GET and POST by turns, a hundred calls a second, and answers a message with
 * what became of them. An unchanged service: whatever is put before it by `--require` is none of its business.
 */
import { Agent, createServer, request } from 'node:http';
import type { LoadedCall, PodLoadReport } from './pod-load.ts';

const EVERY_MS = 10;

const [kind = '', port = '', ...names] = process.argv.slice(2);

function serve(name: string): void {
  const server = createServer((call, response) => {
    call.resume();
    response.setHeader('x-way', call.headers['x-request-id'] === undefined ? 'sdk' : 'mesh');
    response.end(name);
  });
  server.keepAliveTimeout = 0; // else a connection may end while a call is on its way to it, agent or not
  server.listen(Number(port), '0.0.0.0', () => process.send?.('ready'));
}

function callAll(): void {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  let calls: LoadedCall[] = [];
  let turn = 0;
  const one = (): void => {
    turn += 1;
    const method = turn % 2 === 0 ? 'GET' : 'POST';
    const began = performance.timeOrigin + performance.now();
    let isOver = false;
    const end = (way: LoadedCall['way'], failure?: string): void => {
      if (isOver) return;
      isOver = true;
      calls.push({ method, way, began, ended: performance.timeOrigin + performance.now(), failure });
    };
    const host = names[(turn >> 1) % names.length];
    const call = request({ host, port, method, agent, timeout: 15_000 }, (response) => {
      const way = response.headers['x-way'] === 'mesh' ? 'mesh' : 'sdk';
      response.resume().once('end', () => end(way, response.statusCode === 200 ? undefined : `status ${response.statusCode}`));
      response.once('error', (error) => end(way, error.message));
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', (error) => end('sdk', error.message));
    call.end(method === 'POST' ? 'an order' : undefined);
  };
  setInterval(one, EVERY_MS);
  process.on('message', () => {
    process.send?.({ calls } satisfies PodLoadReport);
    calls = [];
  });
  process.send?.('ready');
}

if (kind === 'serve') serve(names[0] ?? '');
else callAll();
process.once('disconnect', () => process.exit());
