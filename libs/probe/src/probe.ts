import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf, within } from '@isthmus/model';
import { grpcHealth } from './grpc-health.ts';
import type { ProbeResult } from './probe-result.ts';
import { tlsOptions, tlsReason } from './probe-tls.ts';
import type { ProbeTls } from './probe-tls.ts';

export interface ProbeOptions {
  /** tcp: it accepts a connection; http: it answers 2xx or 3xx; grpc: grpc.health.v1 says SERVING. */
  readonly type: 'tcp' | 'http' | 'grpc';
  /** Of an http check. */
  readonly path: string;
  /** That a grpc check asks for; `''`: the server as a whole. */
  readonly service: string;
  readonly timeoutMs: number;
  /** Over TLS. */
  readonly tls?: ProbeTls | undefined;
}

/** Asks once. Never throws. Follows no redirect, reads no body, keeps no connection, and leaves nothing with the signal. */
export function probe(address: string, port: number, options: ProbeOptions, signal: AbortSignal): Promise<ProbeResult> {
  return within(options.timeoutMs, signal, async (limited) => {
    try {
      return await ask(address, port, options, limited);
    } catch (thrown) {
      if (limited.aborted && !signal.aborted) return { healthy: false, reason: `no answer within ${options.timeoutMs} ms` };
      return { healthy: false, reason: reasonOf(thrown) };
    }
  });
}

function ask(address: string, port: number, options: ProbeOptions, signal: AbortSignal): Promise<ProbeResult> {
  switch (options.type) {
    case 'tcp':
      return tcp(address, port, options.tls, signal);
    case 'http':
      return http(address, port, options, signal);
    case 'grpc':
      return grpcHealth(address, port, options, signal);
    default:
      return options.type satisfies never;
  }
}

function tcp(address: string, port: number, tls: ProbeTls | undefined, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const at = { host: address, port };
    const socket = tls === undefined ? connect(at) : connectTls({ ...at, ...tlsOptions(address, tls) });
    const abort = () => socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      resolve({ healthy: true });
      socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
}

function http(address: string, port: number, { path, tls }: ProbeOptions, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'isthmus-check', connection: 'close' };
    const options = { host: address, port, path, headers, agent: false, signal } as const;
    const answered = (response: IncomingMessage): void => {
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400 ? { healthy: true } : { healthy: false, reason: `HTTP ${status}` });
      response.destroy();
    };
    const call =
      tls === undefined ? request(options, answered) : requestTls({ ...options, ...tlsOptions(address, tls) }, answered);
    call.on('error', reject);
    call.end();
  });
}

function reasonOf(thrown: unknown): string {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';
  return REASONS.get(code) ?? tlsReason(code, thrown) ?? messageOf(thrown).slice(0, 200);
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connection refused'],
  ['ECONNRESET', 'connection reset'],
  ['EHOSTUNREACH', 'no route to the host'],
  ['ENETUNREACH', 'no route to the network'],
  ['ETIMEDOUT', 'connection timed out'],
  ['ERR_HTTP2_ERROR', 'it does not speak HTTP/2'],
]);
