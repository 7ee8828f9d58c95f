import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SpringApp } from '@isthmus/servers';
import { callEgress } from './egress.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'plain_caller.py');

/**
 * Calls a service so many times, one after the other; answers by what was said. What an instance refused is `error`; all else that
 * is no answer stands as what it was, so that a test does not take a fault of another kind for one that it counts.
 */
export type LanguageCaller = (service: string, count: number) => Promise<Readonly<Record<string, number>>>;

export const hostOfService = (service: string): string => `${service}.eureka`;

/** `urllib` with the proxy that its environment names. */
export function pythonCaller(egress: number): LanguageCaller {
  return async (service, count) => {
    const env = { PATH: process.env['PATH'], http_proxy: `http://127.0.0.1:${egress}` };
    const { stdout } = await run('python3', [SCRIPT, String(count), `http://${hostOfService(service)}/`], { env });
    return JSON.parse(stdout) as Record<string, number>;
  };
}

export function nodeCaller(egress: number): LanguageCaller {
  return (service, count) =>
    counted(count, async () => {
      const { status, body } = await callEgress(egress, hostOfService(service));
      if (status === 200) return body;
      return /^v\d$/.test(body) ? 'error' : `${status} ${body}`;
    });
}

/** It tells what its client threw, with the body that the client got. */
export function springCaller(app: SpringApp): LanguageCaller {
  return (service, count) =>
    counted(count, async () => {
      const answer = await fetch(`http://127.0.0.1:${app.ports.http}/call/${service}`);
      const body = await answer.text();
      if (answer.ok) return body;
      return /^50[03] .*"v\d"$/.test(body) ? 'error' : `${answer.status} ${body}`;
    });
}

async function counted(count: number, call: () => Promise<string>) {
  const answers: Record<string, number> = {};
  for (let n = 0; n < count; n += 1) {
    const answer = await call();
    answers[answer] = (answers[answer] ?? 0) + 1;
  }
  return answers;
}
