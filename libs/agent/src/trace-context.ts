import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import type { HeaderReader } from './sticky.ts';

/** W3C trace context and baggage, B3 in one header and in several, and Envoy's own id of a request. */
const PASSED = [
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-request-id',
] as const;

/** Without one of these there is no trace to go on. */
const STARTS = ['traceparent', 'b3', 'x-b3-traceid', 'x-request-id'] as const;

type TraceHeaders = readonly (readonly [string, string])[];

const current = new AsyncLocalStorage<TraceHeaders>();
const NONE: TraceHeaders = [];

/** What of the incoming call is to be on an outgoing one that has not got a trace of its own. */
export function traceHeadersFor(read: HeaderReader, carrier: unknown): TraceHeaders {
  const headers = current.getStore();
  if (headers === undefined || STARTS.some((name) => name !== 'x-request-id' && read(carrier, name) !== undefined)) return NONE;
  return headers.filter(([name]) => read(carrier, name) === undefined);
}

/** Remembers the trace of each incoming HTTP/1 request for what is called on its behalf. @returns undoes it */
export function followIncoming(): () => void {
  const prototype = http.Server.prototype as { emit: (event: string, ...args: unknown[]) => boolean };
  const emit = prototype.emit;
  const traced = function (this: unknown, event: string, ...args: unknown[]): boolean {
    const headers = event === 'request' ? traceOf(args[0]) : undefined;
    if (headers === undefined) return emit.call(this, event, ...args);
    return current.run(headers, () => emit.call(this, event, ...args));
  };
  prototype.emit = traced;
  return () => {
    if (prototype.emit === traced) prototype.emit = emit;
  };
}

function traceOf(request: unknown): TraceHeaders | undefined {
  const headers = (request as http.IncomingMessage | undefined)?.headers;
  if (headers === undefined || !STARTS.some((name) => headers[name] !== undefined)) return undefined;
  return PASSED.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
}
