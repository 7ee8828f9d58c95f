/**
 * An application with the agent before it: calls the instances that it knows by `http`, in turn, without policies of its own; or, when
 * asked to, by axios with axios-retry, two retries of any 5xx. Arguments: ports of the instances. Told what to call, it answers with how
 * each call ended; told `where`, with where its agent says that its targets are.
 */
import { Agent, get } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axios from 'axios';
import axiosRetry from 'axios-retry';
import type { CallsAsked, CallEnd } from './rung-caller.ts';

const built = join(import.meta.dirname, '../../../dist/packages/agent/resilience.mjs');
const main = join(import.meta.dirname, '../../../dist/packages/agent/index.mjs');
const { withStickyKey } = (await import(pathToFileURL(main).href)) as { withStickyKey: <T>(key: string, body: () => T) => T };
const { wrapAxios } = (await import(pathToFileURL(built).href)) as { wrapAxios: (axios: object, option: object) => object };

const ports = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const retrying = axios.create({ httpAgent: agent, validateStatus: (status) => status < 500 });
const retry = { retries: 2, retryCondition: () => true, retryDelay: () => 0 };
axiosRetry(retrying, retry);
wrapAxios(retrying, { retry });
let turn = 0;

function byHttp(port: number, headers: OutgoingHttpHeaders): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent, headers }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

async function byAxios(port: number, headers: OutgoingHttpHeaders): Promise<number> {
  try {
    return (await retrying.get(`http://127.0.0.1:${port}/`, { headers: headers as Record<string, string> })).status;
  } catch (error) {
    if (axios.isAxiosError(error) && error.response !== undefined) return error.response.status;
    throw error;
  }
}

async function one(call: string, { headers, retries, key }: CallsAsked): Promise<CallEnd> {
  const port = ports[(turn += 1) % ports.length] ?? 0;
  const way = retries === true ? byAxios : byHttp;
  const begin = (): Promise<number> => way(port, { ...headers, 'x-call': call });
  const status = await (key === undefined ? begin() : withStickyKey(key, begin)).catch((error: Error) => error.message);
  return { call, status };
}

async function all(asked: CallsAsked): Promise<readonly CallEnd[]> {
  const ends: CallEnd[] = [];
  const left = [...asked.calls];
  const worker = async (): Promise<void> => {
    for (let call = left.shift(); call !== undefined; call = left.shift()) ends.push(await one(call, asked));
  };
  await Promise.all(Array.from({ length: asked.atOnce ?? 1 }, worker));
  return ends;
}

interface AgentOfProcess {
  view(): readonly object[];
}

process.on('message', (message: CallsAsked | 'where') => {
  const running = (globalThis as Record<symbol, unknown>)[Symbol.for('isthmus.agent')] as AgentOfProcess | undefined;
  if (message === 'where') process.send?.(running?.view() ?? []);
  else void all(message).then((ends) => process.send?.(ends));
});
process.on('disconnect', () => process.exit(0));
