import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat } from './heartbeat.ts';
import { inform } from './informer.ts';
import type { InformerOptions } from './informer.ts';
import { KubeClient } from './kube-client.ts';
import { CONFIG_MAPS } from './resource.ts';
import type { KubeObject } from './resource.ts';
import { FakeApi } from './testing/fake-api.ts';
import { viewOf } from './testing/informer-view.ts';
import type { InformerView } from './testing/informer-view.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const map = (name: string, value = 'a', namespace = 'shop'): ConfigMap => ({ metadata: { name, namespace }, data: { value } });
const valueOf = (object: ConfigMap): string | undefined => object.data?.['value'];
const isLive = (view: InformerView<string>): boolean => view.status?.state === 'live';
const isStale = (view: InformerView<string>): boolean => view.status?.state === 'stale';

let api: FakeApi;
let client: KubeClient;
const views: InformerView<string>[] = [];

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
  client = new KubeClient(api.access());
});
afterEach(async () => {
  await Promise.all(views.splice(0).map((view) => view.stop()));
  client.close();
  await api.stop();
});

function watch(options: Partial<InformerOptions<ConfigMap, string>> = {}, token = 'right'): InformerView<string> {
  const own = token === 'right' ? client : new KubeClient(api.access(token));
  const view = viewOf<string>((signal) =>
    inform<ConfigMap, string>(
      own,
      { resource: CONFIG_MAPS, keep: valueOf, ...options, timing: { backoffMaxMs: 100, ...options.timing } },
      signal,
    ),
  );
  views.push(view);
  return view;
}

async function live(options: Partial<InformerOptions<ConfigMap, string>> = {}): Promise<InformerView<string>> {
  const view = watch(options);
  await view.until('live', isLive);
  await view.until('the watch is open', () => api.watches > 0);
  return view;
}

const kinds = (view: InformerView<string>): readonly string[] =>
  view.events.map((event) => (event.kind === 'status' ? event.status.state : event.kind));

test('a cluster is syncing, then a complete snapshot, then live; changes follow one by one', async () => {
  api.put(CONFIG_MAPS, map('before'));
  const view = await live();
  expect(kinds(view)).toEqual(['syncing', 'snapshot', 'live']);
  api.put(CONFIG_MAPS, map('later', 'b'));
  await view.until('an object that is added', (v) => v.objects.get('shop/later') === 'b');
  api.put(CONFIG_MAPS, map('before', 'c'));
  await view.until('one that is changed', (v) => v.objects.get('shop/before') === 'c');
  api.remove(CONFIG_MAPS, 'later', 'shop');
  await view.until('one that is removed', (v) => !v.objects.has('shop/later'));
  expect(kinds(view)).toEqual(['syncing', 'snapshot', 'live', 'upsert', 'upsert', 'remove']);
});

test('a list comes in pages that grow to what a mebibyte holds', async () => {
  for (let n = 0; n < 250; n += 1) api.put(CONFIG_MAPS, map(`m${n}`));
  const view = await live();
  expect(view.objects.size).toBe(250);
  const pages = api.requests.filter((line) => line.includes('limit='));
  expect(pages).toHaveLength(2);
  expect(pages[1]).toContain('limit=2000');
});

test('objects that are of no interest, and changes that say nothing new, are not told', async () => {
  api.put(CONFIG_MAPS, { metadata: { name: 'empty', namespace: 'shop' } });
  const view = await live({ same: (a, b) => a === b });
  expect(view.objects.size).toBe(0);
  api.put(CONFIG_MAPS, map('one', 'a'));
  api.put(CONFIG_MAPS, { ...map('one', 'a'), metadata: { name: 'one', namespace: 'shop', labels: { new: 'label' } } });
  api.put(CONFIG_MAPS, map('two'));
  await view.until('the last one', (v) => v.objects.has('shop/two'));
  expect(kinds(view).filter((kind) => kind === 'upsert')).toHaveLength(2);
  api.put(CONFIG_MAPS, { metadata: { name: 'one', namespace: 'shop' } });
  await view.until('one that is no longer of interest goes', (v) => !v.objects.has('shop/one'));
});

test('a namespace and a label selector are asked of the server', async () => {
  api.put(CONFIG_MAPS, { ...map('in'), metadata: { name: 'in', namespace: 'shop', labels: { app: 'a' } } });
  api.put(CONFIG_MAPS, map('other', 'a', 'elsewhere'));
  api.put(CONFIG_MAPS, map('unlabelled'));
  const view = await live({ namespace: 'shop', labelSelector: 'app=a' });
  expect([...view.objects.keys()]).toEqual(['shop/in']);
  expect(api.requests[0]).toContain('/api/v1/namespaces/shop/configmaps?limit=100&labelSelector=app%3Da');
});

describe('watches that end', () => {
  const lists = () => api.requests.filter((line) => line.includes('limit=')).length;

  test('in order, at their time, are renewed where they were, without a list and without a word', async () => {
    const view = await live({ timing: { lifetimeMs: 2_500 } });
    const watches = () => api.requests.filter((line) => line.includes('watch=true')).length;
    await view.until('a renewal', () => watches() === 2);
    api.put(CONFIG_MAPS, map('one'));
    await view.until('what happens then', (v) => v.objects.size === 1);
    expect(lists()).toBe(1);
    expect(kinds(view)).not.toContain('stale');
  });

  test.each([
    ['in order before their time', () => api.endWatches()],
    ['by a broken connection', () => api.breakWatches()],
  ])('%s are followed by a list at once: the server may be back already, without its data', async (_how, end) => {
    for (const name of ['a', 'b', 'c']) api.put(CONFIG_MAPS, map(name));
    const view = await live();
    api.wipe(); // in the moment in which it was not there; its revisions are behind ours now
    end();
    api.put(CONFIG_MAPS, map('new'));
    await view.until('what it has now', (v) => [...v.objects.keys()].join() === 'shop/new');
    expect(kinds(view)).not.toContain('stale');
    expect(kinds(view)).not.toContain('remove');
  });

  test('because the server is busy wait as long as it says, and go on where they were', async () => {
    const view = await live();
    api.answerOnce.push({ match: /watch=true/, status: 429, headers: { 'retry-after': '1' } });
    api.endWatches();
    api.put(CONFIG_MAPS, map('meanwhile'));
    await view.until('what happened meanwhile', (v) => v.objects.size === 1);
    expect(kinds(view).filter((kind) => kind === 'stale')).toEqual([]);
    expect(lists()).toBe(2); // because of the end, not because of the answer
  });

  test('by 410 Gone are followed by a list, whose removals come as one complete snapshot', async () => {
    for (const name of ['a', 'b', 'c']) api.put(CONFIG_MAPS, map(name));
    const view = await live();
    api.changeInSilence(CONFIG_MAPS, map('d'));
    api.remove(CONFIG_MAPS, 'a', 'shop');
    await view.until('a is gone', (v) => !v.objects.has('shop/a'));
    api.say({ type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } });
    await view.until('the silent change', (v) => v.objects.has('shop/d'));
    expect(isLive(view)).toBe(true);
    api.changeInSilence(CONFIG_MAPS, map('e'));
    api.remove(CONFIG_MAPS, 'b', 'shop');
    api.compact();
    api.breakWatches();
    await view.until('all after a compaction', (v) => [...v.objects.keys()].join() === 'shop/c,shop/d,shop/e');
    expect(isLive(view)).toBe(true);
  });

  test.each([
    ['lines that are no JSON', 'no json {'],
    ['an event without an object', { type: 'ADDED' }],
    ['an event of an unknown type', { type: 'HELLO', object: { metadata: { name: 'a', resourceVersion: '1' } } }],
    ['an error of the server', { type: 'ERROR', object: { code: 500, message: 'etcdserver: request timed out' } }],
  ])('by %s are stale until a complete list was read again', async (_name, line) => {
    api.put(CONFIG_MAPS, map('kept'));
    const view = await live();
    api.say(line);
    await view.until('stale', isStale);
    expect(view.objects.size).toBe(1);
    await view.until('live again', isLive);
    expect(kinds(view).slice(3)).toEqual(['stale', 'snapshot', 'live']);
  });
});

describe('watches that die in silence', () => {
  test('are noticed by their own silence', async () => {
    const view = await live({ timing: { stallMs: 300 } });
    api.changeInSilence(CONFIG_MAPS, map('unheard'));
    await view.until('the change that the watch did not tell', (v) => v.objects.has('shop/unheard'));
    expect(view.events.some((event) => event.kind === 'status' && event.status.state === 'stale')).toBe(true);
  });

  test('are noticed at the end of their lifetime', async () => {
    const view = await live({ timing: { lifetimeMs: 1_000, resyncMs: 0 } });
    api.changeInSilence(CONFIG_MAPS, map('unheard'));
    expect(api.requests.find((line) => line.includes('watch=true'))).toContain('timeoutSeconds=1');
    api.endWatches(); // as the server does it then
    await view.until('the change that the watch did not tell', (v) => v.objects.has('shop/unheard'));
    expect(kinds(view).filter((kind) => kind === 'stale')).toEqual([]);
  });

  test.each([
    ['while they are open', () => undefined],
    ['while they are renewed', () => api.endWatches()],
  ])('because the server hangs %s are stale, lose nothing, and recover', async (_when, renew) => {
    api.put(CONFIG_MAPS, map('kept'));
    const view = await live({ heartbeat: new Heartbeat(client, { everyMs: 50, timeoutMs: 100 }) });
    api.hang();
    renew();
    await view.until('stale', isStale);
    expect(view.objects.size).toBe(1);
    api.resume();
    await view.until('live again', isLive);
  });
});

describe('a server that is lost', () => {
  test('is stale with the reason, and keeps what it had; back with other data, that is what counts', async () => {
    for (const name of ['a', 'b']) api.put(CONFIG_MAPS, map(name));
    const view = await live();
    await api.stop();
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({ error: { reason: 'unreachable', message: expect.stringContaining('ECONNREFUSED') } });
    expect(view.objects.size).toBe(2);
    api.wipe();
    api.put(CONFIG_MAPS, map('new'));
    await api.start();
    await view.until('live again', isLive);
    expect([...view.objects.keys()]).toEqual(['shop/new']);
    expect(kinds(view).filter((kind) => kind === 'remove')).toEqual([]);
  });

  test('no longer knows our token is noticed while the watch stays open, and loses nothing', async () => {
    api.put(CONFIG_MAPS, map('kept'));
    const view = await live({ heartbeat: new Heartbeat(client, { everyMs: 50, timeoutMs: 1_000 }) });
    const tokens = [...api.tokens];
    api.tokens.clear();
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({ error: { reason: 'unauthorized' } });
    expect([...view.objects.keys()]).toEqual(['shop/kept']);
    for (const token of tokens) api.tokens.add(token);
    await view.until('live again', isLive);
  });

  test('refuses a wrong token: stale, never empty', async () => {
    const view = watch({}, 'wrong');
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({ error: { reason: 'unauthorized', remedy: expect.stringContaining('token') } });
    expect(kinds(view)).not.toContain('snapshot');
  });

  test('names the rule that is missing, and goes on when it is there', async () => {
    api.forbidden.add('watch configmaps');
    const view = watch();
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({
      error: {
        reason: 'forbidden',
        remedy: 'add to the account’s ClusterRole: { apiGroups: [""], resources: ["configmaps"], verbs: [list, watch] }',
      },
    });
    api.forbidden.clear();
    await view.until('the watch is open', (v) => isLive(v) && api.watches === 1);
  });

  test('that is busy is stale with the time that it wants to be left alone for, and asked again then', async () => {
    api.answerOnce.push({ match: /limit=/, status: 429, headers: { 'retry-after': '1' } });
    const view = watch();
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({ error: { reason: 'busy', retryAfterMs: 1_000 } });
    await view.until('live', isLive);
    expect(api.requests.filter((line) => line.includes('limit='))).toHaveLength(2);
  });

  test('that is no API server is said to be none', async () => {
    api.unknown.add('configmaps');
    const view = watch();
    await view.until('stale', isStale);
    expect(view.status).toMatchObject({ error: { reason: 'unknown-kind' } });
  });
});

test('ending the watch ends the iteration, and the connections with the client', async () => {
  const view = await live();
  await view.stop();
  client.close();
  await view.until('no connection is left', () => api.connections === 0);
});
