import { afterEach, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { nacosConfigSchema } from './config.ts';
import { watchNacosConfigs } from './config-watch.ts';
import { FakeNacos } from './testing/fake-nacos.ts';

const FLOW = { dataId: 'web-flow-rules', group: 'G', namespace: 'public' };
const DEGRADE = { ...FLOW, dataId: 'web-degrade-rules' };

const stop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of stop.splice(0).reverse()) await end();
});

/** A watch of two data ids at a scripted Nacos, and what it told. */
async function watch(prepare: (fake: FakeNacos) => void = () => undefined, change: object = {}) {
  const fake = await FakeNacos.start();
  stop.push(() => fake.down());
  prepare(fake);
  const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [fake.url], ...change });
  const log: unknown[] = [];
  const failed: string[] = [];
  let steps = 0;
  const ended = new AbortController();
  const place = { dataIds: [FLOW.dataId, DEGRADE.dataId], group: 'G' };
  const watcher = {
    told: (text: object) => void log.push(text),
    inStep: () => void (steps += 1),
    failed: (why: string) => void failed.push(why),
  };
  const done = watchNacosConfigs(config, place, { baseDir: '.', reconnectBase: 1 }, watcher, ended.signal);
  stop.push(() => {
    ended.abort();
    return done;
  });
  const set = (text: string | undefined): void => {
    if (text === undefined) fake.configs.delete('/G/web-flow-rules');
    else fake.configs.set('/G/web-flow-rules', text);
  };
  const push = () => fake.push('ConfigChangeNotifyRequest', { ...FLOW, tenant: '', module: 'config' });
  return { fake, log, failed, set, push, done, steps: () => steps };
}

test('tells each config once, what is not there too, and after a push only that one', async () => {
  const { fake, log, set, push } = await watch(({ configs }) => configs.set('/G/web-flow-rules', 'one'));
  await until('both are told', () => log.length === 2);
  expect(log).toEqual([{ ...FLOW, content: 'one' }, DEGRADE]);
  set('two');
  push();
  await until('the change is told', () => log.length === 3);
  set(undefined);
  push();
  await until('the deletion is told', () => log.length === 4);
  expect(log.slice(2)).toEqual([{ ...FLOW, content: 'two' }, FLOW]);
  // Nothing but what pushes asked for.
  expect(fake.requests.filter((type) => type === 'ConfigQueryRequest')).toHaveLength(4);
});

test('what changed while the connection was lost is told after it; what did not is not told again', async () => {
  const { fake, log, failed, set, steps } = await watch(({ configs }) => configs.set('/G/web-flow-rules', 'one'));
  await until('both are told', () => log.length === 2);
  await fake.down();
  await until('the loss is told', () => failed.length > 0);
  expect(log).toHaveLength(2);
  set('two');
  const before = steps();
  await fake.up();
  await until('it is in step again', () => steps() > before && log.length === 3);
  expect(log[2]).toEqual({ ...FLOW, content: 'two' });
});

test('a listen that says "changed" while the text is still the old one is asked again', async () => {
  const { fake, log, set, push } = await watch(({ configs }) => configs.set('/G/web-flow-rules', 'one'));
  await until('both are told', () => log.length === 2);
  let old = 2;
  set('two');
  fake.intercept = (type, body) =>
    type === 'ConfigQueryRequest' && body['dataId'] === FLOW.dataId && (old -= 1) >= 0
      ? Buffer.from(JSON.stringify({ resultCode: 200, errorCode: 0, success: true, content: 'one' }))
      : undefined;
  push();
  await until('the new text is told', () => log.length === 3);
  expect([log[2], old]).toEqual([{ ...FLOW, content: 'two' }, -1]);
});

test('a registry that is read over HTTP alone is not watched, and that is said', async () => {
  const { failed, done, log } = await watch(undefined, { api: 'http' });
  await done;
  expect([log, failed]).toEqual([[], [expect.stringContaining('over gRPC')]]);
});
