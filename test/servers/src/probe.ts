/** Small questions to a server that is starting. Node's own fetch keeps connections alive, which a restarted server does not like. */
import { request, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';

const maxAnswer = 4 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpCall {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a form; makes the method POST unless one is given. */
  readonly form?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** By HTTPS; whose certificate it is does not matter to a question on loopback. */
  readonly tls?: boolean;
}

/** One HTTP/1.1 call to 127.0.0.1 on a connection of its own. @throws when it cannot connect, is aborted or the answer exceeds 4 MB. */
export function http(port: number, path: string, call: HttpCall = {}): Promise<HttpAnswer> {
  const body = call.form === undefined ? undefined : new URLSearchParams(call.form).toString();
  const headers: Record<string, string> = { ...call.headers };
  if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
  return new Promise((resolve, reject) => {
    const outgoing = (call.tls === true ? requestTls : request)(
      {
        rejectUnauthorized: false,
        host: '127.0.0.1',
        port,
        path,
        method: call.method ?? (body === undefined ? 'GET' : 'POST'),
        headers,
        agent: false,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      },
      (incoming) => void readBody(incoming).then((text) => resolve({ status: incoming.statusCode ?? 0, body: text }), reject),
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** @throws {Error} beyond `most` bytes */
export async function readBody(incoming: IncomingMessage, most = maxAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) throw new Error(`an answer of more than ${most} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Whether something accepts TCP connections there. */
export function accepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.setTimeout(1_000, () => settle(false));
  });
}
