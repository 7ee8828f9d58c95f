/**
 * A legacy service with a breaker of its own, as teams have written them, which is wrapped by one line: calls the instances that it knows
 * in turn, by opossum, and gives up after a second. Arguments: ports of the instances. Told what to call, it answers with how each call
 * ended: the status, or the code of the breaker's error.
 */
import { Agent, get } from 'node:http';
import type { OutgoingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import CircuitBreaker from 'opossum';
import type { CallEnd, CallsAsked } from './rung-caller.ts';

const built = join(import.meta.dirname, '../../../dist/packages/agent/resilience.mjs');
const { wrapBreaker } = (await import(pathToFileURL(built).href)) as { wrapBreaker: <T>(breaker: T, option: object) => T };

const ports = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 16 });
const [first = 0] = ports;
let turn = 0;

function callOrders(headers: OutgoingHttpHeaders): Promise<number> {
  const port = ports[(turn += 1) % ports.length] ?? first;
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, agent, headers }, (response) => {
      const { statusCode = 0 } = response;
      response.resume().once('end', () => {
        // As errors of axios and got have it: by its headers the agent tells the sidecar's own answer from an instance's.
        if (statusCode < 500) resolve(statusCode);
        else reject(Object.assign(new Error(String(statusCode)), { response }));
      });
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}

const breaker = new CircuitBreaker(callOrders, {
  timeout: 1_000,
  errorThresholdPercentage: 50,
  volumeThreshold: 10,
  rollingCountTimeout: 60_000,
  // Longer than a busy machine takes from the last failure until the process is back on the SDK.
  resetTimeout: 15_000,
});
wrapBreaker(breaker, { target: `127.0.0.1:${first}` });

async function one(call: string, headers: CallsAsked['headers']): Promise<CallEnd> {
  try {
    return { call, status: await breaker.fire({ ...headers, 'x-call': call }) };
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { call, status: code ?? message };
  }
}

async function all({ calls, headers }: CallsAsked): Promise<readonly CallEnd[]> {
  const ends: CallEnd[] = [];
  for (const call of calls) ends.push(await one(call, headers));
  return ends;
}

process.on('message', (message: CallsAsked) => void all(message).then((ends) => process.send?.(ends)));
process.on('disconnect', () => process.exit(0));
