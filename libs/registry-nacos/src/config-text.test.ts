import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { nacosConfigTexts } from './config-text.ts';
import { nacosConfigSchema } from './config.ts';
import { FakeNacos } from './testing/fake-nacos.ts';
import type { FakeNacosOptions } from './testing/fake-nacos.ts';

const FLOW = { dataId: 'web-flow-rules', group: 'SENTINEL_GROUP', namespace: 'public' };
const DEGRADE = { ...FLOW, dataId: 'web-degrade-rules' };
const RULES = '[{"resource":"stock"}]';

const fakes: FakeNacos[] = [];
beforeEach(() => {
  process.env['ISTHMUS_TEST_RIGHT'] = 'right';
  process.env['ISTHMUS_TEST_WRONG'] = 'wrong';
});
afterEach(async () => {
  for (const fake of fakes.splice(0)) await fake.down();
});

async function start(options: FakeNacosOptions = {}): Promise<FakeNacos> {
  const fake = await FakeNacos.start(options);
  fakes.push(fake);
  fake.configs.set('/SENTINEL_GROUP/web-flow-rules', RULES).set('dev/RULES/other', 'hello');
  return fake;
}

function read(servers: readonly string[], change: object = {}, place: object = {}) {
  const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers, ...change });
  const dataIds = [FLOW.dataId, DEGRADE.dataId];
  return nacosConfigTexts(config, { dataIds, group: FLOW.group, ...place }, '.', AbortSignal.timeout(20_000));
}

const account = (passwordEnv: string) => ({ auth: { username: 'reader', passwordEnv } });
const auth = { username: 'reader', password: 'right' };

test('reads configs over gRPC with the account of the registry, and those that are not there have no content', async () => {
  const { url } = await start({ auth });
  expect(await read([url], account('ISTHMUS_TEST_RIGHT'))).toEqual([{ ...FLOW, content: RULES }, DEGRADE]);
});

test('reads another group and namespace: of the registry without one, of the call before it', async () => {
  const { url } = await start();
  const [other] = await read([url], { namespaces: ['dev', 'public'] }, { dataIds: ['other'], group: 'RULES' });
  expect(other).toEqual({ dataId: 'other', group: 'RULES', namespace: 'dev', content: 'hello' });
  const [there] = await read([url], { namespaces: ['dev'] }, { namespace: 'public' });
  expect(there).toEqual({ ...FLOW, content: RULES });
});

test('has TLS on gRPC where grpcTls says so, whatever the URL has', async () => {
  const { url, requests } = await start();
  await expect(read([url], { api: 'grpc', grpcTls: true })).rejects.toMatchObject({ code: 'registry.unreachable' });
  expect(requests).toEqual([]);
});

test('asks the next server when one is away', async () => {
  const [gone, there] = [await start(), await start()];
  await gone.down();
  expect(await read([gone.url, there.url])).toEqual([{ ...FLOW, content: RULES }, DEGRADE]);
});

test.each([
  ['that has no gRPC', {}, true],
  ['that is to be asked over HTTP', { api: 'http' }, false],
])('reads a Nacos %s over HTTP', async (_, change, httpOnly) => {
  const fake = await start({ httpOnly });
  fake.interceptHttp = (path, query) => {
    if (path !== '/v1/cs/configs') return undefined;
    const isThere = query.get('dataId') === FLOW.dataId && query.get('group') === FLOW.group && query.get('tenant') === '';
    return isThere ? { status: 200, body: RULES } : { status: 404, body: 'config data not exist' };
  };
  expect(await read([fake.url], change)).toEqual([{ ...FLOW, content: RULES }, DEGRADE]);
  expect(fake.requests).toEqual([]);
});

test('reads a Nacos 3 without its old APIs over HTTP, where a code that is not known is no missing config', async () => {
  const fake = await start({ generation: 3 });
  let missing: object = { code: 20_004, message: 'resource not found', data: null };
  fake.interceptHttp = (path, query) => {
    if (path !== '/v3/client/cs/config') return { status: 410, body: '{"status":410,"error":"Gone"}' };
    const isThere = query.get('dataId') === FLOW.dataId && query.get('groupName') === FLOW.group;
    return { status: 200, body: JSON.stringify(isThere ? { code: 0, data: { content: RULES } } : missing) };
  };
  expect(await read([fake.url], { api: 'http' })).toEqual([{ ...FLOW, content: RULES }, DEGRADE]);
  missing = { code: 30_000, message: 'server error', data: null };
  await expect(read([fake.url], { api: 'http' })).rejects.toMatchObject({
    code: 'registry.protocol',
    message: expect.stringContaining('server error'),
  });
});

test('a wrong password and missing rights are said at once, with what to do', async () => {
  const { url } = await start({ auth });
  await expect(read([url, url], account('ISTHMUS_TEST_WRONG'))).rejects.toMatchObject({
    code: 'registry.auth',
    message: expect.stringContaining('login as "reader"'),
    remedy: expect.stringContaining('auth.username'),
  });
  await expect(read([url])).rejects.toMatchObject({ code: 'registry.auth', remedy: expect.stringContaining('read permission') });
});

test('servers that are all away are named, with what to do; a path that answers otherwise is no missing config', async () => {
  const fake = await start();
  await expect(read([`${fake.url}/elsewhere`], { api: 'http' })).rejects.toMatchObject({ code: 'registry.protocol' });
  await fake.down();
  await expect(read([fake.url])).rejects.toMatchObject({
    code: 'registry.unreachable',
    message: expect.stringContaining(`no configs came from ${fake.url}: `),
    remedy: expect.stringContaining('isthmus doctor'),
  });
});
