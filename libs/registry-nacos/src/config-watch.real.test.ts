import { expect, test } from '@jest/globals';
import type { ConfigText } from '@isthmus/registry';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { watchNacosConfigs } from './config-watch.ts';

test('a real Nacos 2 tells of a config that comes, changes and goes, without a poll', async () => {
  await using nacos = await borrowNacos2();
  const url = `http://127.0.0.1:${nacos.ports.http}`;
  const place = { dataId: 'watched-flow-rules', group: 'SENTINEL_GROUP' };
  const send = async (method: string, content?: string) => {
    const form = new URLSearchParams({ ...place, ...(content === undefined ? {} : { content, type: 'json' }) });
    const path = `${url}/nacos/v1/cs/configs`;
    const answer = method === 'POST' ? await fetch(path, { method, body: form }) : await fetch(`${path}?${form}`, { method });
    expect([method, answer.status]).toEqual([method, 200]);
  };
  const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers: [url] });
  const told: ConfigText[] = [];
  const failed: string[] = [];
  const ended = new AbortController();
  const watcher = { told: (text: ConfigText) => void told.push(text), inStep: () => undefined, failed: (why: string) => void failed.push(why) }; // prettier-ignore
  const dataIds = { dataIds: [place.dataId, 'watched-degrade-rules'], group: place.group };
  const done = watchNacosConfigs(config, dataIds, { baseDir: '.' }, watcher, ended.signal);
  const texts = () => told.filter(({ dataId }) => dataId === place.dataId).map(({ content }) => content);
  try {
    await until('it was read', () => told.length === 2);
    await send('POST', '[{"resource":"a"}]');
    await until('it came', () => texts().length === 2);
    await send('POST', '[{"resource":"b"}]');
    await until('it changed', () => texts().length === 3);
    await send('DELETE');
    await until('it went', () => texts().length === 4);
  } finally {
    ended.abort();
    await done;
  }
  expect(texts()).toEqual([undefined, '[{"resource":"a"}]', '[{"resource":"b"}]', undefined]);
  expect([told.length, failed]).toEqual([5, []]);
}, 300_000);
