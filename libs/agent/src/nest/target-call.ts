import http from 'node:http';
import https from 'node:https';
import { wrapAgent } from '../http/index.ts';

export interface CallOptions {
  /** `GET` by default, `POST` with a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text or bytes go out as they are, everything else as JSON. */
  readonly body?: unknown;
  /** Until the whole answer is there, ms; 30 s by default. */
  readonly timeoutMs?: number;
}

export interface CallAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  text(): string;
  /** @throws {SyntaxError} for a body that is no JSON */
  json(): unknown;
}

const TIMEOUT_MS = 30_000;
const MOST_BYTES = 64 * 1024 * 1024;

let plain: http.Agent | undefined;
let secure: https.Agent | undefined;

/** One call by Node's own client, which every supported Node has. @throws {Error} as `http.request` fails */
export function callBy(url: string, { method, headers, body, timeoutMs = TIMEOUT_MS }: CallOptions): Promise<CallAnswer> {
  const isSecure = url.startsWith('https:');
  const agent = isSecure
    ? (secure ??= wrapAgent(new https.Agent({ keepAlive: true })))
    : (plain ??= wrapAgent(new http.Agent({ keepAlive: true })));
  const isRaw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const bytes = isRaw ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const options = {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(isRaw ? {} : { 'content-type': 'application/json' }),
        ...(bytes === undefined ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }),
        ...headers,
      },
      agent,
    };
    const request = (isSecure ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > MOST_BYTES) request.destroy(new Error(`${url} answered more than ${MOST_BYTES} bytes`));
      });
      response.once('error', reject);
      response.once('end', () => resolve(answerOf(response, Buffer.concat(chunks))));
    });
    const late = setTimeout(() => request.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)), timeoutMs);
    request.once('error', reject);
    request.once('close', () => clearTimeout(late));
    request.end(bytes);
  });
}

function answerOf({ statusCode = 0, headers }: http.IncomingMessage, body: Buffer): CallAnswer {
  const text = (): string => body.toString('utf8');
  return { status: statusCode, headers, body, text, json: () => JSON.parse(text()) as unknown };
}
