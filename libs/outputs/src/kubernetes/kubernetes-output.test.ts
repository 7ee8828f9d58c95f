import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SERVICE_ENTRIES } from '@isthmus/kube';
import type { FakeApi } from '@isthmus/kube/testing';
import type { Writer } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import type { Hosts } from '../testing/hosts.ts';
import { OutputWorld, settled } from '../testing/output-world.ts';
import type { KubernetesOutput, KubernetesOutputOptions } from './kubernetes-output.ts';
import { owned } from './own-objects.ts';
import type { StoredObject } from './own-objects.ts';

let world: OutputWorld;
let api: FakeApi;
let hosts: Hosts;

beforeEach(async () => {
  world = await OutputWorld.open();
  ({ api, hosts } = world);
});

afterEach(() => world.close());

const start = (more?: Partial<KubernetesOutputOptions>): KubernetesOutput => world.start(more);
const names = () =>
  api
    .all(SERVICE_ENTRIES)
    .map((object) => object.metadata.name)
    .sort();
const writes = () => world.writes;
const object = (name: string) => api.get<StoredObject>(SERVICE_ENTRIES, name, 'isthmus');

/** Ours, as an earlier run of the bridge left it. */
function leave(host: string, endpoints = 1, meshId = 'shop', manager = 'isthmus'): void {
  const ours = owned(hosts.object(host, endpoints), meshId, 'isthmus') as unknown as StoredObject;
  const managedFields = [{ manager, operation: 'Apply' }];
  api.put<StoredObject>(SERVICE_ENTRIES, { ...ours, metadata: { ...ours.metadata, managedFields } });
}

describe('the Kubernetes output', () => {
  test('applies an object with labels that say whose it is, and deletes it when its host goes', async () => {
    const output = start();
    output.touch([hosts.set('orders.nacos', 2)]);
    await settled(output);
    expect(object('orders.nacos')?.metadata.labels).toMatchObject({
      'isthmus.dev/managed-by': 'isthmus',
      'isthmus.dev/mesh': 'shop',
    });
    expect(writes()).toEqual([expect.stringContaining('/serviceentries/orders.nacos?fieldManager=isthmus')]);
    output.touch([hosts.set('orders.nacos', 0)]);
    await until('it is gone', () => names().length === 0);
    await settled(output);
  });

  test('istio#24521: 1,000 changes of endpoints are few writes of one ServiceEntry with inline endpoints, and no WorkloadEntry', async () => {
    const output = start({ rate: { perSecond: 50, burst: 1 } });
    for (let n = 1; n <= 1_000; n += 1) {
      output.touch([hosts.set('orders.nacos', n)]);
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await settled(output);
    expect(writes().length).toBeLessThan(20);
    expect(writes().every((line) => line.includes('/serviceentries/'))).toBe(true);
    expect(object('orders.nacos')?.spec?.['endpoints']).toHaveLength(1_000);
  });

  test('what is wanted again while its removal waits for the rate limit stays', async () => {
    leave('back.nacos');
    const output = start({ rate: { perSecond: 0.5, burst: 1 } });
    output.touch([hosts.set('back.nacos', 1), hosts.set('first.nacos', 1)]);
    await settled(output); // with the one write that is allowed for now
    output.touch([hosts.set('back.nacos', 0)]);
    await until('it is gone', () => hosts.rendered.at(-1) === 'back.nacos');
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    output.touch([hosts.set('back.nacos', 1)]);
    await settled(output);
    expect(writes()).toEqual([expect.stringContaining('first.nacos')]);
  });

  test('after a restart nothing is written that is there already', async () => {
    leave('orders.nacos', 3);
    const output = start();
    output.touch([hosts.set('orders.nacos', 3), hosts.set('new.nacos', 1)]);
    await until('the new one is there', () => names().length === 2);
    await settled(output);
    expect(writes()).toEqual([expect.stringContaining('new.nacos')]);
  });

  test('leftovers go only when every source has been read, and only our own', async () => {
    leave('old.nacos');
    leave('other-mesh.nacos', 1, 'bank');
    leave('copied-labels.nacos', 1, 'shop', 'kubectl');
    api.put(SERVICE_ENTRIES, { metadata: { name: 'theirs', namespace: 'isthmus' } });
    const output = start();
    output.touch([hosts.set('orders.nacos', 1), hosts.set('old.nacos', 0)]);
    await settled(output);
    expect(names()).toContain('old.nacos');
    output.complete(true);
    await until('the leftover is gone', () => !names().includes('old.nacos'));
    await settled(output);
    expect(names()).toEqual(['copied-labels.nacos', 'orders.nacos', 'other-mesh.nacos', 'theirs']);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.conflict', where: 'ServiceEntry isthmus/copied-labels.nacos' }]);
  });

  test('most of what was written going at once is held, said, and let through when it stays so', async () => {
    for (let n = 0; n < 20; n += 1) leave(`s${n}.nacos`);
    const output = start({ confirmAfterMs: 300 });
    output.complete(true);
    await until('it is said', () => output.diagnostics().some((d) => d.code === 'removal.held'));
    expect(names()).toHaveLength(20);
    await until('it is let through', () => names().length === 0);
    await settled(output);
    expect(output.diagnostics()).toEqual([]);
  });

  test('a held removal that is no longer one removes nothing', async () => {
    for (let n = 0; n < 20; n += 1) leave(`s${n}.nacos`);
    const output = start({ confirmAfterMs: 300 });
    output.complete(true);
    await until('it is said', () => output.diagnostics().some((d) => d.code === 'removal.held'));
    output.touch(Array.from({ length: 20 }, (_, n) => hosts.set(`s${n}.nacos`, 1)));
    await until('the hold is over', () => output.diagnostics().length === 0);
    await settled(output);
    expect(names()).toHaveLength(20);
    expect(writes()).toEqual([]);
  });

  test('somebody else’s object of the same name is left alone, which is said', async () => {
    api.put(SERVICE_ENTRIES, {
      metadata: { name: 'orders.nacos', namespace: 'isthmus' },
      spec: { hosts: ['theirs'] },
    } as StoredObject);
    const output = start();
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.conflict', where: 'ServiceEntry isthmus/orders.nacos' }]);
    expect(object('orders.nacos')?.spec).toEqual({ hosts: ['theirs'] });
    expect(writes()).toEqual([]);
  });

  test('an object that somebody deletes or changes comes back', async () => {
    const output = start();
    output.touch([hosts.set('a.nacos', 1), hosts.set('b.nacos', 1)]);
    await settled(output);
    const before = object('b.nacos');
    if (before === undefined) throw new Error('it was not written');
    api.remove(SERVICE_ENTRIES, 'a.nacos', 'isthmus');
    api.put<StoredObject>(SERVICE_ENTRIES, { ...before, spec: { ...before.spec, endpoints: [] } });
    await until('both are back', () => names().length === 2 && JSON.stringify(object('b.nacos')?.spec).includes('10.0.0.0'));
  });

  test('a missing right is said with the rule that is missing', async () => {
    api.forbidden.add('patch serviceentries');
    const output = start();
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([
      {
        code: 'output.unwritable',
        where: 'ServiceEntry isthmus/orders.nacos',
        remedy: expect.stringContaining('verbs: [patch]'),
      },
    ]);
    expect(names()).toEqual([]);
  });

  test('an object that is refused is said with the reason, and costs no other', async () => {
    api.answerOnce.push({ match: /PATCH .*bad\.nacos/, status: 422 });
    const output = start();
    output.touch([hosts.set('bad.nacos', 1), hosts.set('good.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0);
    await until('the other is there', () => names().includes('good.nacos'));
    expect(output.diagnostics()).toMatchObject([{ code: 'output.refused', where: 'ServiceEntry isthmus/bad.nacos' }]);
  });

  test('an object that etcd would not take is not even tried', async () => {
    const output = start();
    output.touch([hosts.set('huge.nacos', 25_000)]);
    await until('it is said', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.refused', what: expect.stringContaining('1.5 MiB') }]);
    expect(writes()).toEqual([]);
  });

  test('a busy API server is asked again when it said so', async () => {
    api.answerOnce.push({ match: /PATCH/, status: 429, headers: { 'retry-after': '0' } });
    const output = start();
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is there', () => names().length === 1);
    await settled(output);
    expect(output.diagnostics()).toEqual([]);
  });

  test('fields that somebody took over are set back by force, and it is said who did it', async () => {
    api.answerOnce.push({ match: /PATCH/, status: 409 });
    const output = start();
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is there', () => names().length === 1);
    await settled(output);
    expect(writes()[1]).toContain('force=true');
    expect(output.diagnostics()).toMatchObject([{ code: 'output.conflict', severity: 'warning' }]);
  });

  test('who is not the writer writes nothing, and everything as soon as it is', async () => {
    let isWriter = false;
    let tell: (is: boolean) => void = () => undefined;
    const writer: Writer = {
      isWriter: () => isWriter,
      onChange: (callback) => {
        tell = callback;
        return () => undefined;
      },
    };
    leave('old.nacos');
    const output = start({ writer });
    output.touch([hosts.set('orders.nacos', 1)]);
    output.complete(true);
    await until('it watches', () => api.watches > 0);
    expect(writes()).toEqual([]);
    isWriter = true;
    tell(true);
    await until('it writes', () => names().join() === 'orders.nacos');
  });

  test('who becomes the writer again takes away what the last one left', async () => {
    let isWriter = true;
    let tell: () => void = () => undefined;
    const writer = {
      isWriter: () => isWriter,
      onChange: (listener: () => void) => {
        tell = listener;
        return () => undefined;
      },
    };
    const output = start({ writer });
    output.touch([hosts.set('orders.nacos', 1)]);
    output.complete(true);
    await settled(output);
    isWriter = false;
    tell();
    // Another one wrote it, the host went, and the other one died before it could take it away.
    leave('gone.nacos');
    output.touch([hosts.set('gone.nacos', 0)]);
    await until('it was heard of', () => api.watches > 0);
    isWriter = true;
    tell();
    await until('it is gone', () => names().join() === 'orders.nacos');
  });

  test('what cannot be watched is not written, and said', async () => {
    api.forbidden.add('list serviceentries');
    const output = start();
    output.touch([hosts.set('orders.nacos', 1)]);
    await until('it is said', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([
      { code: 'output.unwritable', where: 'kubernetes k8s/isthmus', remedy: expect.stringContaining('list, watch') },
    ]);
    expect(writes()).toEqual([]);
  });

  test('the dry run tries what it would write, compares with what is there, and changes nothing', async () => {
    leave('same.nacos', 1);
    leave('other.nacos', 1);
    leave('gone.nacos', 1);
    api.put(SERVICE_ENTRIES, { metadata: { name: 'taken.nacos', namespace: 'isthmus' } });
    hosts.set('same.nacos', 1);
    hosts.set('other.nacos', 2);
    hosts.set('new.nacos', 1);
    hosts.set('taken.nacos', 1);
    const before = JSON.stringify(api.all(SERVICE_ENTRIES));
    const plan = await start().plan(hosts.all, world.signal);
    expect(plan.creates.map((w) => w.name)).toEqual(['ServiceEntry isthmus/new.nacos']);
    expect(plan.updates.map((w) => w.name)).toEqual(['ServiceEntry isthmus/other.nacos']);
    expect(plan.deletes.map((w) => w.name)).toEqual(['ServiceEntry isthmus/gone.nacos']);
    expect(plan.unchanged).toBe(1);
    expect(plan.diagnostics).toMatchObject([{ code: 'output.conflict', where: 'ServiceEntry isthmus/taken.nacos' }]);
    expect(JSON.stringify(api.all(SERVICE_ENTRIES))).toBe(before);
    expect(writes().every((line) => line.includes('dryRun=All'))).toBe(true);
  });
});
