import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SpringApp } from '@isthmus/servers';
import { callEgress } from './egress.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, 'plain_caller.py');

/** Calls a service so many times, one after the other; answers by what was said, failures as `error`. */
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
  return (service, count) => counted(count, () => callEgress(egress, hostOfService(service)));
}

export function springCaller(app: SpringApp): LanguageCaller {
  return (service, count) =>
    counted(count, async () => {
      const answer = await fetch(`http://127.0.0.1:${app.ports.http}/call/${service}`);
      return { status: answer.status, body: await answer.text() };
    });
}

async function counted(count: number, call: () => Promise<{ readonly status: number; readonly body: string }>) {
  const answers: Record<string, number> = {};
  for (let n = 0; n < count; n += 1) {
    const { status, body } = await call();
    const key = status === 200 ? body : 'error';
    answers[key] = (answers[key] ?? 0) + 1;
  }
  return answers;
}
