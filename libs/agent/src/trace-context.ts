import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type http from 'node:http';
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

/** Without one of these there is no trace to go on; B3 may also say no more than that nothing is to be sampled. */
const STARTS = ['traceparent', 'b3', 'x-b3-traceid', 'x-b3-sampled', 'x-request-id'] as const;

type TraceHeaders = readonly (readonly [string, string])[];

const current = new AsyncLocalStorage<TraceHeaders>();
const NONE: TraceHeaders = [];

/** What of the incoming call is to be on an outgoing one that has not got a trace of its own. */
export function traceHeadersFor(read: HeaderReader, carrier: unknown): TraceHeaders {
  const headers = current.getStore();
  if (headers === undefined || headers.length === 0) return NONE;
  if (STARTS.some((name) => name !== 'x-request-id' && read(carrier, name) !== undefined)) return NONE;
  return headers.filter(([name]) => read(carrier, name) === undefined);
}

/**
 * Remembers the trace of each incoming HTTP/1 request for what is called on its behalf. Node says that a request begins on a channel
 * of `diagnostics_channel`, before anybody handles it: nothing is patched, so no tracer can be in the way or be undone by us.
 * @returns undoes it
 */
export function followIncoming(): () => void {
  const started = channel('http.server.request.start');
  const begin = (message: unknown): void => {
    try {
      const { request } = message as { readonly request: http.IncomingMessage };
      const headers = traceOf(request.headers);
      // Also without a trace: a connection has many requests, and the context of the last one would be this one's.
      if (headers !== NONE || current.getStore() !== undefined) current.enterWith(headers);
      if (headers !== NONE && hasBody(request.headers)) keepFor(request, headers);
    } catch {
      // The request goes on without a trace.
    }
  };
  started.subscribe(begin);
  return () => {
    started.unsubscribe(begin);
  };
}

function traceOf(headers: http.IncomingHttpHeaders): TraceHeaders {
  if (!STARTS.some((name) => headers[name] !== undefined)) return NONE;
  return PASSED.flatMap((name) => {
    const value = headers[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
}

function hasBody(headers: http.IncomingHttpHeaders): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}

/** A body comes by events of the connection, which since Node 24 know nothing of what the first one entered. */
function keepFor(request: http.IncomingMessage, headers: TraceHeaders): void {
  const { emit } = request;
  request.emit = function (this: http.IncomingMessage, event: string | symbol, ...values: unknown[]): boolean {
    return current.run(headers, () => emit.call(this, event as string, ...values));
  } as typeof request.emit;
}
