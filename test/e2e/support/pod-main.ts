/**
 * The workload of a pod: a process in its network namespace that serves and calls as it is told over IPC. It knows nothing
 * of proxies. Ends with its parent.
 */
import { createServer, request } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { LookupFunction, Server, Socket } from 'node:net';
import type { Names, PodAnswer, PodOrder, Served } from './pod-orders.ts';

const FAILS_AFTER_MS = 5_000;

const served = { http: 0, tcp: 0, from: new Set<string>() };

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
}

async function serve(name: string, http: number, tcp: number): Promise<void> {
  const web = createServer((call, response) => {
    served.http += 1;
    served.from.add(call.socket.remoteAddress ?? '');
    response.end(name);
  });
  const plain = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      served.tcp += 1;
      served.from.add(socket.remoteAddress ?? '');
      socket.end(name);
    });
  });
  await listen(web, http, '0.0.0.0');
  await listen(plain, tcp, '0.0.0.0');
}

async function forward(port: number, socket: string): Promise<void> {
  const join = (from: Socket): void => {
    const to = connect(socket);
    for (const end of [from, to]) end.on('error', () => (from.destroy(), to.destroy()));
    from.pipe(to).pipe(from);
  };
  await listen(createTcpServer(join), port, '127.0.0.1');
}

function callHttp(host: string, port: number, path: string, addresses: Names): Promise<PodAnswer> {
  const lookup: LookupFunction = (name, options, answer) => {
    const address = addresses[name];
    if (address === undefined) answer(new Error(`no address of ${name}`), '');
    else if (options.all === true) answer(null, [{ address, family: 4 }]);
    else answer(null, address, 4);
  };
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ status: 0, body: error.message });
    const call = request({ host, port, path, lookup, agent: false, timeout: FAILS_AFTER_MS }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', failed);
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', failed).end();
  });
}

function callTcp(address: string, port: number): Promise<PodAnswer> {
  return new Promise((resolve) => {
    let body = '';
    const socket = connect({ host: address, port, timeout: FAILS_AFTER_MS }, () => socket.write('hello\n'));
    socket.on('data', (chunk: Buffer) => (body += chunk.toString()));
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    socket.once('error', (error) => resolve({ status: 0, body: error.message }));
    socket.once('close', () => resolve({ status: body === '' ? 0 : 200, body }));
  });
}

async function obey(order: PodOrder): Promise<PodAnswer | Served | undefined> {
  switch (order.kind) {
    case 'serve':
      await serve(order.name, order.http, order.tcp);
      return undefined;
    case 'forward':
      await forward(order.port, order.socket);
      return undefined;
    case 'served':
      return { ...served, from: [...served.from] };
    case 'http':
      return callHttp(order.host, order.port, order.path, order.addresses);
    case 'tcp':
      return callTcp(order.address, order.port);
    default:
      return order satisfies never;
  }
}

process.on('message', ({ id, order }: { id: number; order: PodOrder }) => {
  obey(order).then(
    (answer) => process.send?.({ id, answer }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
