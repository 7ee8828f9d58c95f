/**
 * An application's process with the agent and every HTTP client that it is tried with. Calls are ordered by messages, and made in the main
 * thread, in a worker thread or in a process of a cluster; a tracer (OpenTelemetry's for `http`) may come before the agent or after it.
 */
import cluster from 'node:cluster';
import type http from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import type { TargetView } from './decider.ts';

export interface CallerOrder {
  readonly client: string;
  readonly url: string;
}

export interface CallerAnswer {
  /** The body, or the failure. */
  readonly body: string;
  readonly view: readonly TargetView[];
}

const require = createRequire(import.meta.url);
const { CALLER_TRACER: tracer, CALLER_WHERE: where } = process.env;

function startTracer(): void {
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http') as {
    HttpInstrumentation: new () => { enable(): void };
  };
  new HttpInstrumentation().enable();
  // It patches what is required from now on, Node's own modules too.
  const { get } = require('http') as { get: { readonly __wrapped?: boolean } };
  if (get.__wrapped !== true) throw new Error('the tracer patched nothing');
}

type Call = (url: string) => Promise<string>;

function byHttp(
  get: (url: string, options: object, done: (response: NodeJS.ReadableStream) => void) => NodeJS.EventEmitter,
  options: object,
): Call {
  return (url) =>
    new Promise((resolve, reject) => {
      const request = get(url, options, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.once('end', () => resolve(body));
        response.once('error', reject);
      });
      request.once('error', reject);
    });
}

async function clients(): Promise<Readonly<Record<string, Call>>> {
  const { get } = require('http') as typeof http;
  const { default: axios } = await import('axios');
  const { default: got } = await import('got');
  const nodeFetch = require('node-fetch') as typeof fetch;
  const KeepAlive = require('agentkeepalive') as new () => http.Agent;
  const superagent = require('superagent') as { get(url: string): Promise<{ readonly text: string }> };
  const undici = await import('undici');
  const kept = axios.create({ httpAgent: new KeepAlive() });
  return {
    http: byHttp(get as never, {}),
    agentkeepalive: byHttp(get as never, { agent: new KeepAlive() }),
    axios: async (url) => (await axios.get<string>(url)).data,
    'axios with agentkeepalive': async (url) => (await kept.get<string>(url)).data,
    got: async (url) => (await got(url, { retry: { limit: 0 } })).body,
    'node-fetch': async (url) => (await nodeFetch(url)).text(),
    superagent: async (url) => (await superagent.get(url)).text,
    fetch: async (url) => (await fetch(url)).text(),
    'undici without a dispatcher of its own': async (url) => (await undici.request(url)).body.text(),
  };
}

async function answering(): Promise<(order: CallerOrder) => Promise<CallerAnswer>> {
  if (tracer === 'before') startTracer();
  await import('./register.ts');
  if (tracer === 'after') startTracer();
  const { currentAgent } = await import('./process-agent.ts');
  const all = await clients();
  return async ({ client, url }) => {
    const call = all[client];
    const body = call === undefined ? 'no such client' : await call(url).catch((error: Error) => `failed: ${error.message}`);
    return { body, view: currentAgent()?.view() ?? [] };
  };
}

/** Hands orders on to whoever makes the calls here. */
async function relayed(): Promise<(order: CallerOrder) => Promise<CallerAnswer>> {
  if (where === 'thread') {
    const thread = new Worker(new URL(import.meta.url));
    return async (order) => {
      thread.postMessage(order);
      return ((await once(thread, 'message')) as [CallerAnswer])[0];
    };
  }
  const worker = cluster.fork();
  await once(worker, 'online');
  return async (order) => {
    worker.send(order);
    return ((await once(worker, 'message')) as [CallerAnswer])[0];
  };
}

const makesCalls = where === undefined || !isMainThread || cluster.isWorker;
const answer = makesCalls ? await answering() : await relayed();
if (isMainThread) {
  process.on('message', (order: CallerOrder) => void answer(order).then((one) => process.send?.(one)));
  process.on('disconnect', () => process.exit(0));
} else parentPort?.on('message', (order: CallerOrder) => void answer(order).then((one) => parentPort?.postMessage(one)));
if (!cluster.isWorker && isMainThread) process.send?.('ready');
