import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { AgentReport } from '@isthmus/contract';
import { readReport } from './read-report.ts';
import { AgentsWorld, from, orders, ordersId } from './testing/agents-world.ts';

/**
 * Made by `ReportBook` as it was in 0aad86d, the first agent that reported, run from its own sources. Within v1 fields are added and none is
 * asked for: a field that becomes required here would shut out every agent that is mounted in a running process.
 */
const FIRST = JSON.parse(readFileSync(new URL('testdata/first-agent-report.json', import.meta.url), 'utf8')) as AgentReport;

test('a report of the first agent there was is read as it was sent', () => {
  expect(readReport(FIRST)).toEqual({ ok: true, report: FIRST });
});

test('a report of the first agent there was counts for its service and target', async () => {
  const world = await AgentsWorld.open();
  try {
    world.book.set('orders', ['web'], orders);
    await world.agents.report(FIRST, from);
    const { arms } = world.agents.fleet.evidenceOf(ordersId, ['web']);
    expect([arms.sdk.calls, arms.sdk.failures, arms.mesh.calls, arms.mesh.failures]).toEqual([3, 1, 2, 0]);
  } finally {
    await world.close();
  }
});
