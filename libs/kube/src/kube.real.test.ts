import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startKubernetes } from '@isthmus/servers';
import type { KubernetesServer } from '@isthmus/servers';
import { openAccess } from './access.ts';
import { Heartbeat } from './heartbeat.ts';
import { inform } from './informer.ts';
import { KubeClient } from './kube-client.ts';
import { KubeError } from './kube-error.ts';
import { applyObject, createObject, deleteObject, getObject, listPages } from './objects.ts';
import { CONFIG_MAPS, NAMESPACES, SERVICE_ENTRIES } from './resource.ts';
import type { KubeObject } from './resource.ts';
import { viewOf } from './testing/informer-view.ts';
import type { InformerView } from './testing/informer-view.ts';
import { watchObjects } from './watch.ts';

const READ_MAPS = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch'] }];
const patient = 120_000;
const deadline = 30_000;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

let server: KubernetesServer;
let client: KubeClient;
const opened: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  server = await startKubernetes({ istioCrds: true });
  client = new KubeClient(await openAccess({ kubeconfig: server.kubeconfig }));
}, 600_000);
afterAll(async () => {
  await Promise.all(opened.map((one) => one.stop()));
  client?.close();
  await server?.stop();
}, patient);

const namespace = async (name: string) => createObject(client, NAMESPACES, { metadata: { name } });
const map = (name: string, inside: string, value = 'a'): ConfigMap => ({
  metadata: { name, namespace: inside },
  data: { value },
});
const isLive = (view: InformerView<string>): boolean => view.status?.state === 'live';
const isStale = (view: InformerView<string>): boolean => view.status?.state === 'stale';

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const thrown: unknown = await promise.catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(KubeError);
  return thrown as KubeError;
}

/** @param timeoutMs twice so long without an answer is a server that hangs, or one on a busy machine */
function watch(inside: string, own = client, lifetimeMs = 2_000, timeoutMs = 10_000): InformerView<string> {
  const view = viewOf<string>((signal) =>
    inform<ConfigMap, string>(
      own,
      {
        resource: CONFIG_MAPS,
        namespace: inside,
        keep: ({ data }) => data?.['value'],
        heartbeat: new Heartbeat(own, { everyMs: 200, timeoutMs }),
        timing: { lifetimeMs, backoffMaxMs: 500 },
      },
      signal,
    ),
  );
  opened.push(view);
  return view;
}

async function asUser(user: string | { readonly token: string }): Promise<KubeClient> {
  return new KubeClient(await openAccess({ kubeconfig: await server.kubeconfigFor(user) }));
}

describe('an informer on a real API server', () => {
  test(
    'tells what is there and what changes, over renewed watches and a compaction',
    async () => {
      await namespace('informed');
      await createObject(client, CONFIG_MAPS, map('first', 'informed'));
      const view = watch('informed');
      await view.until('live', isLive, deadline);
      expect([...view.objects.keys()]).toEqual(['informed/first']);
      await createObject(client, CONFIG_MAPS, map('second', 'informed'));
      await view.until('the second', (v) => v.objects.has('informed/second'), deadline);
      await compactEtcd(server);
      const renewed = Date.now() + 3_000; // a lifetime of the watch
      await view.until('the watch was renewed', () => Date.now() > renewed, deadline);
      await deleteObject(client, CONFIG_MAPS, { namespace: 'informed', name: 'first' });
      await view.until('the first is gone', (v) => !v.objects.has('informed/first'), deadline);
      expect(view.events.filter((event) => event.kind === 'status' && event.status.state === 'stale')).toEqual([]);
    },
    patient,
  );

  test(
    'whose service account is deleted is stale although its watch stays open; rights that are taken away are seen when it is renewed',
    async () => {
      await namespace('revoked');
      await createObject(client, CONFIG_MAPS, map('kept', 'revoked'));
      const accounts = '/api/v1/namespaces/revoked/serviceaccounts';
      const watcher = async (name: string, lifetimeMs: number): Promise<InformerView<string>> => {
        await server.must({ method: 'POST', path: accounts, body: { metadata: { name } } });
        const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } };
        const answer = await server.must({ method: 'POST', path: `${accounts}/${name}/token`, body: request });
        const { token } = (answer as { readonly status: { readonly token: string } }).status;
        await server.grant(`system:serviceaccount:revoked:${name}`, READ_MAPS);
        const view = watch('revoked', await asUser({ token }), lifetimeMs);
        await view.until('live', isLive, deadline);
        return view;
      };
      const deleted = await watcher('deleted', 600_000);
      await server.must({ method: 'DELETE', path: `${accounts}/deleted` });
      await deleted.until('stale', isStale, deadline); // the server remembers tokens for 10 s
      expect(deleted.status).toMatchObject({ error: { reason: 'unauthorized' } });
      expect([...deleted.objects.keys()]).toEqual(['revoked/kept']);
      const narrowed = await watcher('narrowed', 3_000);
      await server.grant('system:serviceaccount:revoked:narrowed', []);
      await narrowed.until('stale', isStale, deadline);
      expect(narrowed.status).toMatchObject({ error: { reason: 'forbidden' } });
      expect([...narrowed.objects.keys()]).toEqual(['revoked/kept']);
    },
    patient,
  );

  test(
    'is stale while the server hangs or is gone, and has what the server has afterwards, without its data too',
    async () => {
      await namespace('lost');
      for (const name of ['a', 'b']) await createObject(client, CONFIG_MAPS, map(name, 'lost'));
      const view = watch('lost', client, 2_000, 1_000);
      await view.until('live', isLive, deadline);
      server.pause();
      await view.until('stale by hanging', isStale, deadline);
      server.resume();
      await view.until('live again', isLive, deadline);
      await server.kill();
      await view.until('stale', isStale, deadline);
      expect(view.objects.size).toBe(2);
      await server.restart({ keepData: true });
      await view.until('live with its data', isLive, deadline);
      expect(view.objects.size).toBe(2);
      // After a restart it remembers no events from before.
      const { signal } = new AbortController();
      const old = watchObjects(client, CONFIG_MAPS, { resourceVersion: '1', lifetimeMs: 60_000, stallMs: 30_000, signal });
      expect((await failure(old.next())).reason).toBe('expired');
      await server.kill();
      await view.until('stale', isStale, deadline);
      await server.restart({ keepData: false });
      await view.until('live without its data', (v) => isLive(v) && v.objects.size === 0, deadline);
      await namespace('lost');
      await createObject(client, CONFIG_MAPS, map('c', 'lost'));
      await view.until('what is new', (v) => [...v.objects.keys()].join() === 'lost/c', deadline);
    },
    patient,
  );

  test(
    'names the rule that is missing, and the token that is wrong',
    async () => {
      const reader = await asUser('reader');
      const view = watch('', reader);
      await view.until('stale', isStale, deadline);
      expect(view.status).toMatchObject({
        error: { reason: 'forbidden', remedy: expect.stringContaining('resources: ["configmaps"], verbs: [list, watch]') },
      });
      await server.grant('reader', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }]);
      await view.until('live', isLive, deadline);
      await view.stop();
      reader.close();
      const stranger = await asUser({ token: 'wrong' });
      const refused = watch('', stranger);
      await refused.until('stale', isStale, deadline);
      expect(refused.status).toMatchObject({ error: { reason: 'unauthorized' } });
      await refused.stop();
      stranger.close();
    },
    patient,
  );
});

describe('objects on a real API server', () => {
  const entry = (hosts: readonly string[]): KubeObject & { readonly spec: object } => ({
    metadata: { namespace: 'applied', name: 'orders', labels: { owner: 'isthmus' } },
    spec: { hosts, resolution: 'STATIC', ports: [{ number: 80, name: 'http', protocol: 'HTTP' }] },
  });
  const mine = { fieldManager: 'isthmus' };

  test(
    'applied again without a change keep their resourceVersion; a field of another manager is a conflict unless forced',
    async () => {
      await namespace('applied');
      const first = await applyObject(client, SERVICE_ENTRIES, entry(['orders.test']), mine);
      const again = await applyObject(client, SERVICE_ENTRIES, entry(['orders.test']), mine);
      expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      const other = applyObject(client, SERVICE_ENTRIES, entry(['other.test']), { fieldManager: 'someone' });
      expect((await failure(other)).reason).toBe('conflict');
      await applyObject(client, SERVICE_ENTRIES, entry(['other.test']), { fieldManager: 'someone', force: true });
      expect(await getObject(client, SERVICE_ENTRIES, entry([]).metadata)).toMatchObject({ spec: { hosts: ['other.test'] } });
    },
    patient,
  );

  test(
    'that are invalid are refused with the reason, in a dry run too; lists select by label and come in pages',
    async () => {
      const wrong = { ...entry(['a.test']), spec: { hosts: [], resolution: 'SOMEHOW' } };
      const error = await failure(applyObject(client, SERVICE_ENTRIES, wrong, { ...mine, dryRun: true, force: true }));
      expect([error.reason, error.message]).toEqual(['refused', expect.stringContaining('SOMEHOW')]);
      await namespace('many');
      for (let n = 0; n < 120; n += 1) {
        await createObject(client, CONFIG_MAPS, {
          metadata: { namespace: 'many', name: `m${n}`, labels: { odd: String(n % 2) } },
        });
      }
      const sizes: number[] = [];
      for await (const page of listPages(client, CONFIG_MAPS, { namespace: 'many' })) sizes.push(page.items.length);
      expect(sizes).toEqual([100, 20]);
      let odd = 0;
      for await (const page of listPages(client, CONFIG_MAPS, { namespace: 'many', labelSelector: 'odd=1' }))
        odd += page.items.length;
      expect(odd).toBe(60);
      const ref = { namespace: 'many', name: 'm0' };
      expect((await failure(deleteObject(client, CONFIG_MAPS, ref, { uid: '1234' }))).reason).toBe('conflict');
      expect(await deleteObject(client, CONFIG_MAPS, ref)).toBe(true);
      expect(await deleteObject(client, CONFIG_MAPS, ref)).toBe(false);
    },
    patient,
  );
});

/** Through etcd's JSON gateway: up to what it has now. */
async function compactEtcd({ etcd }: KubernetesServer): Promise<void> {
  const url = `http://127.0.0.1:${etcd.ports.client}/v3/kv`;
  const range = await fetch(`${url}/range`, { method: 'POST', body: JSON.stringify({ key: 'AA==' }) });
  const { header } = (await range.json()) as { header: { revision: string } };
  const answer = await fetch(`${url}/compaction`, { method: 'POST', body: JSON.stringify({ revision: header.revision }) });
  expect(answer.status).toBe(200);
}
