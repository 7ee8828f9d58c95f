import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ConfigText } from '@isthmus/registry';
import { until } from '@isthmus/model/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosServer } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { watchNacosConfigs } from './config-watch.ts';

const AUTH = { username: 'reader', password: 'right-1' };
const PLACE = { dataId: 'web-flow-rules', group: 'SENTINEL_GROUP' };
const A = '[{"resource":"a"}]';
const B = '[{"resource":"b"}]';

describe.each([
  ['2.3', startNacos2, 'v1/auth/login', 'v1/cs/configs', 'group'],
  ['3.1', startNacos3, 'v3/auth/user/login', 'v3/admin/cs/config', 'groupName'],
] as const)('configs of a Nacos %s that asks who one is', (_, start, login, configs, groupName) => {
  let nacos: NacosServer;
  const watches: Watch[] = [];
  beforeAll(async () => void (nacos = await start({ auth: AUTH })), 300_000);
  afterEach(async () => void (await Promise.all(watches.splice(0).map((one) => one.end()))), 60_000);
  afterAll(async () => nacos?.stop(), 60_000);

  const url = () => `http://127.0.0.1:${nacos.ports.http}`;
  /** As the administrator, whose password is the user's. */
  const publish = async (content: string | undefined): Promise<void> => {
    const form = new URLSearchParams({ username: 'nacos', password: AUTH.password });
    const answer = await fetch(`${url()}/nacos/${login}`, { method: 'POST', body: form });
    const { accessToken } = (await answer.json()) as { readonly accessToken: string };
    const { dataId, group } = PLACE;
    const asked = new URLSearchParams({ dataId, [groupName]: group, accessToken });
    const said =
      content === undefined
        ? await fetch(`${url()}/nacos/${configs}?${asked}`, { method: 'DELETE' })
        : await fetch(`${url()}/nacos/${configs}?${asked}`, { method: 'POST', body: new URLSearchParams({ content, type: 'json' }) }); // prettier-ignore
    expect([said.status, said.ok ? '' : await said.text()]).toEqual([200, '']);
  };
  const watch = (passwordEnv: string): Watch => {
    const made = new Watch(url(), passwordEnv);
    watches.push(made);
    return made;
  };

  test('are told to the right password; a wrong one is told of, and nothing is taken for not there', async () => {
    process.env['ISTHMUS_TEST_RIGHT'] = AUTH.password;
    process.env['ISTHMUS_TEST_WRONG'] = 'wrong-1';
    await publish(undefined);
    const early = watch('ISTHMUS_TEST_RIGHT');
    await until('that there is none is told', () => early.texts.length === 1);
    await publish(A);
    await until('it is told', () => early.last === A);
    const [right, wrong] = [watch('ISTHMUS_TEST_RIGHT'), watch('ISTHMUS_TEST_WRONG')];
    await until('it is read', () => right.last === A);
    await until('the wrong one is refused', () => wrong.failed.length > 0);
    expect(wrong.failed[0]).toMatch(/password|user/);
    expect(wrong.failed.join()).not.toContain('wrong-1');
    expect([wrong.texts, right.failed]).toEqual([[], []]);
  }, 120_000);

  test('stay as they were while it is killed; what changed before anybody listened again is told', async () => {
    await publish(A);
    const seen = watch('ISTHMUS_TEST_RIGHT');
    await until('it is read', () => seen.last === A && seen.inStep > 0);
    const before = seen.inStep;
    await nacos.kill();
    await until('the loss is told', () => seen.failed.length > 0);
    await nacos.restart({ keepData: true });
    await publish(B);
    await until('the change is told', () => seen.last === B, 60_000);
    expect(seen.inStep).toBeGreaterThan(before);
    // A config store that has just started answered for what it had not read yet with what is not there.
    expect(seen.texts).toEqual([A, B]);
    await publish(undefined);
    await until('what was deleted on purpose is gone', () => seen.texts.length === 3);
    expect(seen.last).toBeUndefined();
  }, 240_000);

  // Once: what an empty store answers, the first test of all reads on both.
  if (start === startNacos2)
    test('are gone where it has lost its data, and come back when they are published again', async () => {
      await publish(A);
      const seen = watch('ISTHMUS_TEST_RIGHT');
      await until('it is read', () => seen.last === A);
      await nacos.restart({ keepData: false });
      await until('it is gone', () => seen.texts.length === 2, 60_000);
      await publish(B);
      await until('it is back', () => seen.last === B, 60_000);
      expect(seen.texts).toEqual([A, undefined, B]);
    }, 240_000);
});

class Watch {
  readonly texts: (string | undefined)[] = [];
  readonly failed: string[] = [];
  inStep = 0;
  readonly #ended = new AbortController();
  readonly #done: Promise<void>;

  constructor(server: string, passwordEnv: string) {
    const auth = { username: AUTH.username, passwordEnv };
    const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [server], auth });
    const place = { dataIds: [PLACE.dataId], group: PLACE.group };
    const watcher = {
      told: ({ content }: ConfigText) => void this.texts.push(content),
      inStep: () => void (this.inStep += 1),
      failed: (why: string) => void this.failed.push(why),
    };
    this.#done = watchNacosConfigs(config, place, { baseDir: '.', reconnectBase: 100 }, watcher, this.#ended.signal);
  }

  get last(): string | undefined {
    return this.texts.at(-1);
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await this.#done;
  }
}
