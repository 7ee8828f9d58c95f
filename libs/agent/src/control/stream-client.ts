import type { ClientRequest, IncomingMessage } from 'node:http';
import type { ControlRequests } from './control-place.ts';
import { EventStream } from './event-stream.ts';
import type { StreamEvent } from './event-stream.ts';
import { LONGEST_WAIT_MS, waitMs } from './reconnect-wait.ts';

export interface StreamClientOptions {
  readonly requests: ControlRequests;
  /** Of the process; another one after a restart. */
  readonly instance: string;
  readonly version: string;
  readonly random: () => number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** @throws {Error} when the event is wrong: it is passed over, and said */
  readonly take: (event: StreamEvent) => void;
  /** Something came. */
  readonly heard: () => void;
  readonly connected: (isConnected: boolean) => void;
  readonly unusable: (why: string) => void;
}

/** Before an answer begins. */
const ANSWER_WITHIN_MS = 10_000;
/** A stream that lived so long was a good one: the next wait is a short one. */
const GOOD_AFTER_MS = 5_000;
/** Pings that may be missed. */
const MISSED = 3;

/**
 * The one stream from the control plane: connects, resumes where it was, and comes back after whatever happened, each time later,
 * up to half a minute. Its timers and its socket keep no process alive.
 */
export class StreamClient {
  readonly #options: StreamClientOptions;
  #request: ClientRequest | undefined;
  #lastId = '';
  #failures = 0;
  #silentAfterMs = 15_000 * MISSED;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StreamClientOptions) {
    this.#options = options;
  }

  /** What the bridge said of its pings. */
  set pingMs(ms: number) {
    this.#silentAfterMs = ms * MISSED;
  }

  /** In a turn of its own: an application is starting, and nothing that it calls waits for the stream. */
  open(): void {
    this.#timer = unref(setTimeout(() => this.#connect(), 0));
  }

  #connect(): void {
    if (this.#closed) return;
    const { requests, instance, version } = this.#options;
    const query = new URLSearchParams({
      service: requests.service,
      instance,
      agent: version,
      node: process.version,
      schema: '1',
    });
    let request: ClientRequest;
    try {
      request = requests.open('GET', `/agents/stream?${query.toString()}`, {
        accept: 'text/event-stream',
        'cache-control': 'no-store',
        ...(this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }),
      });
    } catch (error) {
      this.#lost((error as Error).message);
      return;
    }
    this.#request = request;
    let ended = false;
    const end = (why: string | undefined, waitMs?: number): void => {
      if (ended) return;
      ended = true;
      clearTimeout(late);
      request.destroy();
      if (this.#request === request) this.#request = undefined;
      this.#lost(why, waitMs);
    };
    const late = unref(setTimeout(() => end(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`), ANSWER_WITHIN_MS));
    request.on('response', (response: IncomingMessage) => {
      clearTimeout(late);
      const refusal = refusalOf(response);
      if (refusal === undefined) this.#follow(response, end);
      else end(refusal, retryAfterOf(response));
    });
    request.on('error', (error) => end(error.message));
    request.on('close', () => end('the connection was closed'));
    request.end();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#request?.destroy();
  }

  #follow(response: IncomingMessage, end: (why: string | undefined) => void): void {
    const { heard, now, connected } = this.#options;
    const since = now();
    const events = new EventStream();
    connected(true);
    heard();
    let silentAfterMs = this.#silentAfterMs;
    const over = (): void => {
      // Timers run before sockets are read: what came while the process was busy is read first.
      const bytes = response.socket.bytesRead;
      setImmediate(() =>
        setImmediate(() => (response.socket.bytesRead === bytes ? stop('nothing came any more') : silence.refresh())),
      );
    };
    let silence = unref(setTimeout(over, silentAfterMs));
    let stopped = false;
    const stop = (why: string | undefined): void => {
      if (stopped) return;
      stopped = true;
      clearTimeout(silence);
      connected(false);
      if (now() - since >= GOOD_AFTER_MS) this.#failures = 0;
      end(why);
    };
    response.on('data', (chunk: Buffer) => {
      heard();
      silence.refresh();
      try {
        events.push(chunk, (event) => this.#take(event));
      } catch (error) {
        // Where it goes on from here nobody knows.
        this.#lastId = '';
        stop((error as Error).message);
        return;
      }
      if (silentAfterMs === this.#silentAfterMs) return;
      silentAfterMs = this.#silentAfterMs;
      clearTimeout(silence);
      silence = unref(setTimeout(over, silentAfterMs));
    });
    response.on('error', () => stop(undefined));
    response.on('aborted', () => stop(undefined));
    response.on('end', () => stop('it ended the stream'));
  }

  #take(event: StreamEvent): void {
    try {
      this.#options.take(event);
    } catch (error) {
      this.#options.unusable(`its event ${event.event.slice(0, 40)} is not understood: ${(error as Error).message}`);
    }
    if (event.id !== undefined) this.#lastId = event.id;
  }

  /** @param why undefined: it ended as streams do */
  #lost(why: string | undefined, atLeastMs = 0): void {
    if (this.#closed) return;
    if (why !== undefined) this.#options.unusable(why);
    const wait = waitMs(this.#failures, atLeastMs, this.#options.random);
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = unref(setTimeout(() => this.#connect(), wait));
  }
}

function refusalOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  const type = headers['content-type'] ?? '';
  if (statusCode === 200 && type.startsWith('text/event-stream')) return undefined;
  if (statusCode === 401 || statusCode === 403) return `it answered ${statusCode}: the token is not that of this service`;
  return `it answered ${statusCode} ${type.slice(0, 60)}, and no stream of events`;
}

/** RFC 9110, 10.2.3, of seconds. */
function retryAfterOf({ headers }: IncomingMessage): number {
  const seconds = Number(headers['retry-after'] ?? 0);
  return seconds > 0 ? Math.min(seconds * 1_000, LONGEST_WAIT_MS) : 0;
}

function unref(timer: NodeJS.Timeout): NodeJS.Timeout {
  timer.unref();
  return timer;
}
