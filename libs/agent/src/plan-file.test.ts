import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { AgentPlan } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { Diagnostics } from './diagnostics.ts';
import type { AgentDiagnostic } from './diagnostics.ts';
import { followPlanFile } from './plan-file.ts';

let directory: string;
let file: string;
let plans: AgentPlan[];
let said: AgentDiagnostic[];
let unfollow: () => void;
const text = (version: string): string => JSON.stringify({ schema: 1, version, targets: [] });
const follow = (): void => {
  const diagnostics = new Diagnostics({ emit: (one) => said.push(one), now: () => 0 });
  unfollow = followPlanFile(file, (plan) => plans.push(plan), diagnostics);
};
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-plan-'));
  file = join(directory, 'plan.json');
  plans = [];
  said = [];
});
afterEach(() => {
  unfollow();
  rmSync(directory, { recursive: true, force: true });
});

test('a plan file is read at once, and again when it is written or replaced', async () => {
  writeFileSync(file, text('1'));
  follow();
  expect(plans.map(({ version }) => version)).toEqual(['1']);
  writeFileSync(file, text('2'));
  await until('version 2', () => plans.at(-1)?.version === '2');
  writeFileSync(`${file}.new`, text('3'));
  renameSync(`${file}.new`, file);
  await until('version 3', () => plans.at(-1)?.version === '3');
  expect(said).toEqual([]);
});

test('a plan file that is not there yet, or bad, is said, and leaves the plan before it in force', async () => {
  follow();
  expect(said).toMatchObject([{ code: 'plan-refused', where: file }]);
  writeFileSync(file, text('1'));
  await until('the first plan', () => plans.length === 1);
  writeFileSync(file, '<html>');
  writeFileSync(`${file}.new`, text('2'));
  renameSync(`${file}.new`, file);
  await until('the second plan', () => plans.length === 2);
  expect(plans.map(({ version }) => version)).toEqual(['1', '2']);
});

test('a plan file in a directory that is not there costs a diagnostic and nothing else', () => {
  file = join(directory, 'no', 'plan.json');
  follow();
  expect(said.map(({ code }) => code)).toEqual(['plan-refused']);
});
