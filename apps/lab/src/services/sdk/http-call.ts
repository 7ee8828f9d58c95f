import { Agent, request, type IncomingMessage } from 'node:http';

export interface HttpCall {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Header `Host`; default: the address dialled. */
  readonly authority?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the whole answer must be there. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxFreeSockets: 32 });
const maxAnswerBytes = 1024 * 1024;

/**
 * A GET that keeps connections. Not `fetch`: that does not let its caller choose the Host header.
 * @throws the socket's error, or one that says that it took too long or answered too much.
 */
export async function get(call: HttpCall): Promise<HttpAnswer> {
  try {
    return await send(call);
  } catch (error) {
    // The server closed a kept connection while our request was on its way (nodejs.org: `request.reusedSocket`).
    if (error instanceof StaleConnection) return send(call);
    throw error;
  }
}

class StaleConnection extends Error {}

function send(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { host, port, path, authority = `${host}:${port}`, timeoutMs } = call;
    const outgoing = request({
      agent,
      host,
      port,
      path,
      headers: { ...call.headers, host: authority },
      signal: AbortSignal.timeout(timeoutMs),
    });
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') reject(new StaleConnection());
      else if (error.name === 'AbortError') reject(new Error(`no answer from ${authority} within ${timeoutMs} ms`));
      else reject(error);
    });
    outgoing.once('response', (answer) => read(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject));
    outgoing.end();
  });
}

async function read(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes) {
      answer.destroy();
      throw new Error(`more than ${maxAnswerBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
