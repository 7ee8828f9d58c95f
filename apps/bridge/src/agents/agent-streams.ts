import type { ServerResponse } from 'node:http';
import type { AgentHello } from '@isthmus/contract';
import type { AgentsConfig } from '@isthmus/config';
import { encodeEvent } from './event-ring.ts';

export interface StreamClaim {
  readonly service: string;
  readonly instance: string;
  readonly agent: string;
  readonly node: string;
  /** Where it comes from, an IP address. */
  readonly address: string;
  readonly lastId: string | undefined;
  /** To be looked at again when tokens change; never shown. */
  readonly authorization: string | undefined;
}

/** One agent's stream. */
export interface OpenStream extends StreamClaim {
  readonly since: number;
  readonly response: ServerResponse;
}

export interface AgentStreamsOptions {
  readonly config: () => AgentsConfig;
  readonly bridge: string;
  readonly now: () => number;
  readonly opening: (claim: StreamClaim) => readonly Buffer[];
  readonly opened: (stream: OpenStream) => void;
  readonly closed: (stream: OpenStream) => void;
}

export type Refusal = { readonly why: 'full' | 'service-full' | 'too-fast' | 'not-ready'; readonly retryAfterS: number };

/** What one stream may have unread beside what it begins with: more than a ring. */
const MOST_UNREAD = 4 * 1024 * 1024;
/** Pings that may meet a stream that has read nothing since the last one. */
const MOST_STUCK = 2;
/** New streams of a service, each second; as many as it may have can come at once, after a restart. */
const PER_SECOND = 50;
/** Streams are pinged in so many groups, one after the other: thousands of writes are not one turn of the loop. */
const GROUPS = 20;

interface Held {
  readonly stream: OpenStream;
  readonly allowance: number;
  written: number;
  stuck: number;
}

/** Who is connected. A stream that does not read is ended: its agent comes back and begins anew. */
export class AgentStreams {
  readonly #options: AgentStreamsOptions;
  readonly #services = new Map<string, Set<Held>>();
  readonly #held = new Map<ServerResponse, Held>();
  readonly #tokens = new Map<string, { left: number; at: number }>();
  #dropped = 0;
  #group = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AgentStreamsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Ended because they did not read. */
  get dropped(): number {
    return this.#dropped;
  }

  has(service: string): boolean {
    return this.#services.has(service);
  }

  refusal(service: string): Refusal | undefined {
    const { maxStreams, maxStreamsPerService } = this.#options.config();
    if (this.#held.size >= maxStreams) return { why: 'full', retryAfterS: 10 };
    if ((this.#services.get(service)?.size ?? 0) >= maxStreamsPerService) return { why: 'service-full', retryAfterS: 10 };
    return this.#takeToken(service, maxStreamsPerService) ? undefined : { why: 'too-fast', retryAfterS: 2 };
  }

  open(claim: StreamClaim, response: ServerResponse): void {
    const { bridge, config, now, opening, opened } = this.#options;
    const { pingMs, reportEveryMs } = config();
    const stream: OpenStream = { ...claim, since: now(), response };
    const hello: AgentHello = { schema: 1, bridge, pingMs, reportEveryMs };
    const first = [encodeEvent('hello', JSON.stringify(hello)), ...opening(claim)];
    const held = { stream, allowance: MOST_UNREAD + first.reduce((sum, { length }) => sum + length, 0), written: 0, stuck: 0 };
    const streams = this.#services.get(claim.service) ?? new Set();
    this.#services.set(claim.service, streams.add(held));
    this.#held.set(response, held);
    this.#timer ??= setInterval(() => this.#ping(), pingMs / GROUPS).unref();
    response.on('close', () => this.#closed(held));
    response.on('error', () => response.destroy());
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    response.socket?.setNoDelay(true);
    for (const bytes of first) response.write(bytes);
    opened(stream);
  }

  /** To all streams of a service. */
  send(service: string, bytes: Buffer): void {
    for (const held of this.#services.get(service) ?? []) this.#write(held, bytes);
  }

  /** To the streams of one process. @returns whether it has any here */
  sendTo(service: string, instance: string, bytes: Buffer): boolean {
    let found = false;
    for (const held of this.#services.get(service) ?? []) {
      if (held.stream.instance !== instance) continue;
      this.#write(held, bytes);
      found = true;
    }
    return found;
  }

  /** Ends those that may not stay, after tokens changed. */
  review(mayStay: (stream: OpenStream) => boolean): void {
    for (const { stream } of this.#held.values()) if (!mayStay(stream)) stream.response.destroy();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const response of this.#held.keys()) response.destroy();
  }

  #write(held: Held, bytes: Buffer): void {
    const { response } = held.stream;
    if (response.writableLength > held.allowance) this.#drop(held);
    else response.write(bytes);
  }

  #drop({ stream }: Held): void {
    this.#dropped += 1;
    stream.response.destroy();
  }

  #closed(held: Held): void {
    if (!this.#held.delete(held.stream.response)) return;
    const streams = this.#services.get(held.stream.service);
    streams?.delete(held);
    if (streams?.size === 0) this.#services.delete(held.stream.service);
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#options.closed(held.stream);
  }

  /** A comment to a group of the streams, and a look at whether they read. */
  #ping(): void {
    this.#group = (this.#group + 1) % GROUPS;
    let at = 0;
    for (const held of this.#held.values()) {
      at += 1;
      if (at % GROUPS !== this.#group) continue;
      const { response } = held.stream;
      const read = (response.socket?.bytesWritten ?? 0) - response.writableLength;
      held.stuck = response.writableLength > 0 && read <= held.written ? held.stuck + 1 : 0;
      held.written = read;
      if (held.stuck > MOST_STUCK) this.#drop(held);
      else if (response.writableLength === 0) response.write(PING);
    }
  }

  #takeToken(service: string, most: number): boolean {
    const now = this.#options.now();
    const bucket = this.#tokens.get(service) ?? { left: most, at: now };
    const left = Math.min(most, bucket.left + (Math.max(0, now - bucket.at) * PER_SECOND) / 1_000);
    this.#tokens.set(service, { left: left < 1 ? left : left - 1, at: now });
    if (this.#tokens.size > MOST_BUCKETS) this.#tokens.delete(this.#tokens.keys().next().value as string);
    return left >= 1;
  }
}

const PING = Buffer.from(': \n');
const MOST_BUCKETS = 10_000;
