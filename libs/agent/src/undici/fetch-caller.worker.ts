/** Calls an instance by the built-in `fetch` or by npm undici, which have one dispatcher for each realm: so in a thread of its own. */
import { createRequire } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Decision } from '../decision-table.ts';
import type { ArmReport } from '@isthmus/contract';
import { ArmCounts } from '../control/arm-counts.ts';
import { Diagnostics } from '../diagnostics.ts';
import { patchDispatcher } from './patch-dispatcher.ts';

export interface FetchOrder {
  readonly instance: number;
  readonly egress: number;
  readonly methods: readonly string[];
  /** The agent's decision throws. */
  readonly faulty: boolean;
  /** By `request` of this package, loaded in the turn of the first call; by `fetch` where it is left out. */
  readonly client?: string;
}

export interface FetchReport {
  /** The body of each answer, or `failed`. */
  readonly answers: readonly string[];
  readonly failures: readonly string[];
  readonly codes: readonly string[];
  /** A second patch did something. */
  readonly twice: boolean;
  /** What the patch itself has loaded: some undici. */
  readonly loaded: boolean;
  /** `Object.defineProperty` is Node's at the end. */
  readonly restored: boolean;
  /** Of the calls to the instance's port. */
  readonly counted: ArmReport;
}

const { instance, egress, methods, faulty, client } = workerData as FetchOrder;
const failures: string[] = [];
const codes: string[] = [];
const counts = new ArmCounts();
const sidecar: Decision = { kind: 'sidecar', rung: 'traffic', authority: 'orders:80', counts };
const seam = {
  egress: { host: '127.0.0.1', port: egress },
  decide: (_host: string, port: number): Decision => {
    if (faulty) throw new Error('broken');
    return port === instance ? sidecar : { kind: 'sdk' };
  },
  failed: (outcome: string) => failures.push(outcome),
  diagnostics: new Diagnostics({ emit: ({ code }) => codes.push(code), now: () => 0 }),
};
patchDispatcher(seam);
const twice = patchDispatcher(seam) !== undefined;
const held = Object.getOwnPropertyDescriptor(globalThis, Symbol.for('undici.globalDispatcher.1'));
const loaded = held === undefined || 'value' in held;
const { defineProperty } = Object;

interface Undici {
  request(url: string, options: object): Promise<{ readonly body: { text(): Promise<string> } }>;
}

async function call(method: string): Promise<string> {
  const options = { method, body: method === 'GET' ? null : 'body', headers: { a: 'b' } };
  const url = `http://127.0.0.1:${instance}/a`;
  if (client === undefined) return (await fetch(url, options)).text();
  const { request } = createRequire(import.meta.url)(client) as Undici;
  return (await request(url, options)).body.text();
}

const answers: string[] = [];
for (const method of methods) {
  answers.push(await call(method).catch(() => 'failed'));
}
const restored = Object.defineProperty === defineProperty;
parentPort?.postMessage({ answers, failures, codes, twice, loaded, restored, counted: counts.take() } satisfies FetchReport);
