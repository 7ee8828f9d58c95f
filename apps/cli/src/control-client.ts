import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { API_PREFIX } from '@isthmus/contract';
import type { Problem } from '@isthmus/contract';
import { CliError, EXIT } from './exit-code.ts';

/** More than any real mesh's answer; a server that sends more is none of ours. */
const MOST_ANSWER_BYTES = 256 * 1024 * 1024;
/** From the request to the last byte of the answer. */
const DEADLINE_MS = 30_000;

export interface ControlClientOptions {
  readonly url: URL;
  /** Sent as bearer token. */
  readonly token?: string;
  /** PEM of the authorities to trust, for https. */
  readonly ca?: string;
  readonly deadlineMs?: number;
}

/** The bridge's control API. Everything that goes wrong is a `CliError` with a sentence and the exit code. */
export interface ControlClient {
  /** `path` starts behind `/api/v1`. */
  get<Answer>(path: string): Promise<Answer>;
  getText(path: string): Promise<string>;
  /** `body` is sent as YAML. */
  post<Answer>(path: string, body?: string): Promise<Answer>;
  delete<Answer>(path: string): Promise<Answer>;
}

export function controlClient(options: ControlClientOptions): ControlClient {
  const call = async (method: string, path: string, sent?: string): Promise<HttpAnswer> => {
    const base = options.url.pathname.replace(/\/$/, '');
    const answer = await exchange(options, method, new URL(`${base}${API_PREFIX}${path}`, options.url), sent);
    const leader = leaderOf(options, answer);
    return leader === undefined ? answer : exchange(options, method, leader, sent);
  };
  return {
    get: async <Answer>(path: string) => json<Answer>(options, await call('GET', path)),
    getText: async (path) => text(options, await call('GET', path)),
    post: async <Answer>(path: string, body?: string) => json<Answer>(options, await call('POST', path, body)),
    delete: async <Answer>(path: string) => json<Answer>(options, await call('DELETE', path)),
  };
}

interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly location: string | undefined;
  readonly body: Buffer;
}

/** A replica that follows names the one that leads; the token goes there only where nobody on the way can read it. */
function leaderOf({ token }: ControlClientOptions, { status, location }: HttpAnswer): URL | undefined {
  if (status !== 307 || location === undefined || !URL.canParse(location)) return undefined;
  const url = new URL(location);
  if (url.protocol === 'https:') return url;
  return url.protocol === 'http:' && (token === undefined || isLoopbackName(url.hostname)) ? url : undefined;
}

/** A name or address of this machine, as URLs write it. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function exchange(options: ControlClientOptions, method: string, target: URL, sent?: string): Promise<HttpAnswer> {
  const { token, ca, deadlineMs = DEADLINE_MS } = options;
  const headers: Record<string, string> = { accept: 'application/json, application/yaml, application/problem+json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (sent !== undefined) headers['content-type'] = 'application/yaml';
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise<HttpAnswer>((resolve, reject) => {
    const failed = (cause: unknown) => reject(unreachable(target, cause, deadlineMs));
    const request = send(
      target,
      { method, headers, agent: false, signal: AbortSignal.timeout(deadlineMs), ...(ca === undefined ? {} : { ca }) },
      (response) => {
        readAll(response).then((body) => {
          const { location, 'content-type': type = '' } = response.headers;
          resolve({ status: response.statusCode ?? 0, type, location, body });
        }, failed);
      },
    );
    request.on('error', failed);
    request.end(sent);
  });
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_ANSWER_BYTES) throw new Error(`its answer is longer than ${MOST_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreachable(url: URL, cause: unknown, deadlineMs: number): CliError {
  return new CliError(
    EXIT.unreachable,
    `the bridge cannot be reached at ${url.origin}: ${reason(cause, deadlineMs)}.\n` +
      'Start it with `isthmus serve -c FILE`, or the lab with `npm start`; if it listens elsewhere, say so with --control URL or ISTHMUS_CONTROL.',
    { cause },
  );
}

function reason(cause: unknown, deadlineMs: number): string {
  const error = cause as NodeJS.ErrnoException;
  if (error.code === 'ECONNREFUSED') return 'nothing listens there (connection refused)';
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'its host name cannot be resolved';
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return 'the connection was closed before the answer was complete';
  if (
    error.code === 'DEPTH_ZERO_SELF_SIGNED_CERT' ||
    error.code?.startsWith('UNABLE_TO_') === true ||
    error.code?.startsWith('CERT_') === true
  ) {
    return `its certificate is not trusted (${error.code}); name the authority with --ca-file`;
  }
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return `no complete answer within ${deadlineMs / 1_000} s`;
  return error.message;
}

function json<Answer>(options: ControlClientOptions, answer: HttpAnswer): Answer {
  const parsed = parse(answer);
  if (isSuccess(answer) && parsed !== undefined) return parsed as Answer;
  throw failure(options, answer, parsed);
}

function text(options: ControlClientOptions, answer: HttpAnswer): string {
  if (isSuccess(answer) && !answer.type.startsWith('text/html')) return answer.body.toString('utf8');
  throw failure(options, answer, parse(answer));
}

function isSuccess(answer: HttpAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function parse(answer: HttpAnswer): unknown {
  if (!/^application\/(?:problem\+)?json\b/.test(answer.type)) return undefined;
  try {
    return JSON.parse(answer.body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function failure(options: ControlClientOptions, answer: HttpAnswer, body: unknown): CliError {
  if (typeof body !== 'object' || body === null || isSuccess(answer)) {
    return new CliError(
      EXIT.unreachable,
      `something answers at ${options.url.origin}, but it is not the bridge (HTTP ${answer.status}, ${answer.type || 'no content type'}).\n` +
        'Check --control or ISTHMUS_CONTROL; the bridge says at its start where its control API listens.',
    );
  }
  const problem = body as Partial<Problem>;
  const sentence = [problem.title, problem.detail].filter((part) => part !== undefined && part !== '').join(': ');
  const remedy =
    problem.remedy ??
    (answer.status === 401 || answer.status === 403 ? 'give the right token with --token-file FILE' : undefined);
  return new CliError(
    EXIT.found,
    `${sentence === '' ? `the bridge answered HTTP ${answer.status}` : sentence}${remedy === undefined ? '' : `.\nTry: ${remedy}`}`,
  );
}
