import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { borrowNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosPorts } from '@isthmus/servers';
import { readPolicies } from './read-policies.ts';

const RULES = readFileSync(new URL('../testdata/in/sentinel.json', import.meta.url), 'utf8');

describe.each([
  ['2', borrowNacos2, ['v1/cs/configs?group=G&', 'v2/cs/config?group=G&']],
  ['3', startNacos3, ['v3/client/cs/config?groupName=G&', 'v3/admin/cs/config?groupName=G&']],
] as const)('rules of Sentinel that a Nacos %s keeps', (_, start, paths) => {
  let nacos: { readonly ports: NacosPorts } & AsyncDisposable;
  beforeAll(async () => void (nacos = await start()), 300_000);
  afterAll(async () => nacos?.[Symbol.asyncDispose]());

  test('are read from what it answers, by each of its APIs', async () => {
    const config = { dataId: 'web-flow-rules', group: 'G', groupName: 'G', content: RULES, type: 'json' };
    const base = `http://127.0.0.1:${nacos.ports.http}/nacos`;
    const published = await fetch(`${base}/${paths[0].startsWith('v1') ? 'v1/cs/configs' : 'v3/admin/cs/config'}`, {
      method: 'POST',
      body: new URLSearchParams(config),
    });
    expect(published.status).toBe(200);
    const wanted = readPolicies(RULES);
    expect(wanted).toMatchObject({ ok: true, policies: { length: 5 } });
    for (const path of paths) {
      const answer = async () => readPolicies(await (await fetch(`${base}/${path}dataId=web-flow-rules`)).text());
      // It is there for readers a moment later.
      await until(`${path} has it`, async () => (await answer()).ok);
      expect(await answer()).toEqual(wanted);
    }
  });

  test('are refused, with what can be read, where it has none', async () => {
    const base = `http://127.0.0.1:${nacos.ports.http}/nacos`;
    for (const path of paths) {
      const text = await (await fetch(`${base}/${path}dataId=nobody`)).text();
      expect([path, readPolicies(text)]).toEqual([path, expect.objectContaining({ ok: false })]);
    }
  });
});
