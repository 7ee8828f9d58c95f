/** Calls an instance by the built-in `fetch`, which has one dispatcher for each realm: so in a thread of its own. */
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
}

export interface FetchReport {
  /** The body of each answer, or `failed`. */
  readonly answers: readonly string[];
  readonly failures: readonly string[];
  readonly codes: readonly string[];
  /** A second patch did something. */
  readonly twice: boolean;
  /** Of the calls to the instance's port. */
  readonly counted: ArmReport;
}

const { instance, egress, methods, faulty } = workerData as FetchOrder;
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

const answers: string[] = [];
for (const method of methods) {
  const body = method === 'GET' ? null : 'body';
  const headers = { a: 'b' };
  const answer = fetch(`http://127.0.0.1:${instance}/a`, { method, body, headers }).then((response) => response.text());
  answers.push(await answer.catch(() => 'failed'));
}
parentPort?.postMessage({ answers, failures, codes, twice, counted: counts.take() } satisfies FetchReport);
