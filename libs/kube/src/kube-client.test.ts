import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { applyObject, createObject, deleteObject, getObject, listPages, replaceObject } from './objects.ts';
import { CONFIG_MAPS, SERVICE_ENTRIES } from './resource.ts';
import { FakeApi } from './testing/fake-api.ts';

let api: FakeApi;
let client: KubeClient;

beforeEach(async () => {
  api = new FakeApi();
  await api.start();
  client = new KubeClient(api.access(), { timeoutMs: 2_000 });
});
afterEach(async () => {
  client.close();
  await api.stop();
});

const ref = { namespace: 'shop', name: 'a' };
const manager = { fieldManager: 'isthmus' };

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(KubeError);
  return thrown as KubeError;
}

test('an object is applied, read, and deleted; a missing one is undefined and its deletion false', async () => {
  expect(await getObject(client, CONFIG_MAPS, ref)).toBeUndefined();
  await applyObject(client, CONFIG_MAPS, { metadata: ref }, { ...manager, force: true });
  expect(api.requests.at(-1)).toBe('PATCH /api/v1/namespaces/shop/configmaps/a?fieldManager=isthmus&force=true');
  expect(await getObject(client, CONFIG_MAPS, ref)).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: ref });
  expect(await deleteObject(client, CONFIG_MAPS, ref)).toBe(true);
  expect(await deleteObject(client, CONFIG_MAPS, ref)).toBe(false);
});

test('a dry run changes nothing', async () => {
  await applyObject(client, CONFIG_MAPS, { metadata: ref }, { ...manager, dryRun: true });
  expect(await getObject(client, CONFIG_MAPS, ref)).toBeUndefined();
  await applyObject(client, CONFIG_MAPS, { metadata: ref }, manager);
  await deleteObject(client, CONFIG_MAPS, ref, { dryRun: true });
  expect(await getObject(client, CONFIG_MAPS, ref)).toBeDefined();
});

test('of two who replace the same version one gets a conflict, and so does who deletes another object of that name', async () => {
  const made = await createObject(client, CONFIG_MAPS, { metadata: ref });
  expect((await failure(createObject(client, CONFIG_MAPS, { metadata: ref }))).reason).toBe('conflict');
  await replaceObject(client, CONFIG_MAPS, made);
  expect((await failure(replaceObject(client, CONFIG_MAPS, made))).reason).toBe('conflict');
  expect((await failure(deleteObject(client, CONFIG_MAPS, ref, { uid: 'another' }))).reason).toBe('conflict');
});

describe('a refusal', () => {
  test('for lack of rights names the rule to add', async () => {
    api.forbidden.add('patch serviceentries');
    const error = await failure(applyObject(client, SERVICE_ENTRIES, { metadata: ref }, manager));
    expect(error).toMatchObject({ reason: 'forbidden', code: 'registry.auth', status: 403 });
    expect(error.line).toContain(
      '. Try: add to a Role of the account in namespace shop: { apiGroups: ["networking.istio.io"], resources: ["serviceentries"], verbs: [patch] }',
    );
    expect(error.message).toContain('403 to patch serviceentries.networking.istio.io in namespace shop');
  });

  test('of a kind that is not installed says what to install', async () => {
    api.unknown.add('serviceentries');
    const error = await failure(getObject(client, SERVICE_ENTRIES, ref));
    expect([error.reason, error.remedy]).toEqual([
      'unknown-kind',
      'install Istio’s CustomResourceDefinitions (networking.istio.io)',
    ]);
  });

  test.each([
    [400, 'refused'],
    [422, 'refused'],
    [410, 'expired'],
    [429, 'busy'],
    [500, 'unreachable'],
    [503, 'busy'],
  ] as const)('with status %d is %s', async (status, reason) => {
    api.answerOnce.push({ match: /configmaps/, status, headers: { 'retry-after': '7' } });
    expect(await failure(getObject(client, CONFIG_MAPS, ref))).toMatchObject({ reason, status, retryAfterMs: 7_000 });
  });
});

test('an answer that is no list, or is too large, or does not come, is an error that says so', async () => {
  api.put(CONFIG_MAPS, { metadata: ref });
  const list = async (own: KubeClient) => {
    for await (const _page of listPages(own, CONFIG_MAPS)) return;
  };
  api.answerOnce.push({ match: /limit/, status: 200 });
  expect((await failure(list(client))).message).toContain('answers no list to list configmaps');
  const small = new KubeClient(api.access(), { mostBytes: 10 });
  expect((await failure(list(small))).reason).toBe('too-large');
  small.close();
  const hasty = new KubeClient(api.access(), { timeoutMs: 50 });
  api.hang();
  expect((await failure(list(hasty))).reason).toBe('timeout');
  api.resume();
  hasty.close();
});

test('a call that is aborted throws the reason of the signal', async () => {
  api.hang();
  const abort = new AbortController();
  const call = getObject(client, CONFIG_MAPS, ref, abort.signal);
  abort.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
});
