import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { callApi, type ApiCall } from './kubernetes-api.ts';
import { startKubernetes, type KubernetesServer } from './kubernetes.ts';
import { processExists } from './lock.ts';
import { accepts } from './probe.ts';

const patient = 120_000;
const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string): ApiCall => ({
  method: 'POST',
  path: configMaps,
  body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: 'b' } },
});

async function statusOf(server: KubernetesServer, path: string): Promise<number> {
  return (await server.call({ path })).status;
}

function revisionOf(list: unknown): number {
  return Number((list as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
}

describe('Kubernetes', () => {
  test(
    'starts with its own etcd on loopback only, serves its version, and leaves nothing',
    async () => {
      const server = await startKubernetes();
      const pids = [server.pid ?? 0, server.etcd.pid ?? 0];
      expect(await server.must({ path: '/version' })).toMatchObject({ gitVersion: 'v1.36.3', minor: '36' });
      for (const port of [...Object.values(server.ports), server.etcd.ports.peer]) {
        expect([port, await accepts(port, '127.0.0.2')]).toEqual([port, false]);
      }
      expect(await readFile(server.kubeconfig, 'utf8')).toContain(server.url);
      await server.stop();
      expect(pids.map(processExists)).toEqual([false, false]);
      expect([existsSync(server.dir), existsSync(server.etcd.dir)]).toEqual([false, false]);
    },
    patient,
  );

  test(
    'refuses unknown tokens, and its users what they were not granted',
    async () => {
      await using server = await startKubernetes();
      const read = async (token: string) =>
        (await callApi(server.ports.https, server.caFile, token, { path: configMaps })).status;
      expect(await read('unknown')).toBe(401);
      expect(await read(server.tokens['reader'] ?? '')).toBe(403);
      await server.grant('reader', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }]);
      let status = 403; // the authorizer learns of the binding by a watch of its own
      for (let tries = 0; status === 403 && tries < 100; tries += 1) status = await read(server.tokens['reader'] ?? '');
      expect(status).toBe(200);
      expect(await readFile(await server.kubeconfigFor('reader'), 'utf8')).toContain(server.tokens['reader'] ?? '');
      await expect(server.kubeconfigFor('nobody')).rejects.toThrow('no user nobody; there are reader, admin');
    },
    patient,
  );

  test(
    'keeps its objects over a kill, and starts over with its resourceVersions when it loses its data',
    async () => {
      await using server = await startKubernetes();
      await server.must(configMap('kept'));
      for (let more = 0; more < 30; more += 1) await server.must(configMap(`more-${more}`));
      const before = revisionOf(await server.must({ path: configMaps }));
      await server.kill();
      await expect(statusOf(server, configMaps)).rejects.toThrow('ECONNREFUSED');
      await server.restart();
      expect(await statusOf(server, `${configMaps}/kept`)).toBe(200);
      await server.restart({ keepData: false });
      expect(await statusOf(server, `${configMaps}/kept`)).toBe(404);
      expect(revisionOf(await server.must({ path: configMaps }))).toBeLessThan(before);
    },
    patient,
  );

  test(
    'serves Istio’s resources when asked for them, and does not answer while it is paused',
    async () => {
      await using server = await startKubernetes({ istioCrds: true });
      const entries = '/apis/networking.istio.io/v1/serviceentries';
      expect(await server.must({ path: entries })).toMatchObject({ kind: 'ServiceEntryList', items: [] });
      server.pause();
      await expect(server.call({ path: entries, signal: AbortSignal.timeout(300) })).rejects.toThrow(/abort/i);
      server.resume();
      expect(await statusOf(server, entries)).toBe(200);
    },
    patient,
  );
});
