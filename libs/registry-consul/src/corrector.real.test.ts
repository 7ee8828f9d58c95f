import { describe, expect, test } from '@jest/globals';
import { takesTraffic } from '@isthmus/model';
import { collect, describeCorrectorContract } from '@isthmus/registry/testing';
import { startConsul } from '@isthmus/servers';
import { consulConfig } from './config.ts';
import { consulCorrector } from './corrector.ts';
import { agentPut, realHarness } from './testing/real-harness.ts';

async function start() {
  const harness = await realHarness(startConsul);
  return {
    ...harness,
    corrector: (password: 'right' | 'wrong' = 'right') =>
      consulCorrector(
        consulConfig.parse({
          name: 'hq',
          kind: 'consul',
          servers: [`http://127.0.0.1:${harness.server.ports.http}`],
          auth: { tokenEnv: `CONSUL_TEST_${password.toUpperCase()}` },
        }),
        '.',
      ),
  };
}

describeCorrectorContract('Consul', start, 15_000);

describe('an instance of a node that has no agent', () => {
  test('is taken out and let in again in the catalog', async () => {
    const harness = await start();
    const corrector = harness.corrector();
    const view = collect(harness.open());
    try {
      await agentPut(`http://127.0.0.1:${harness.server.ports.http}`, '/v1/catalog/register', {
        Node: 'far',
        Address: '10.2.1.1',
        Service: { ID: 'far-1', Service: 'external', Address: '10.2.1.1', Port: 8080 },
      });
      const state = () => view.endpoints('external').map(takesTraffic).join();
      await view.until('listed', () => state() === 'true', 15_000);
      const [record] = [...view.services.values()].filter(({ key }) => key.name === 'external');
      const [endpoint] = view.endpoints('external');
      if (record === undefined || endpoint === undefined) throw new Error('external is not listed');
      const target = { key: record.key, endpoint };
      const { signal } = new AbortController();
      expect(await corrector.disable(target, signal)).toBe('done');
      await view.until('disabled', () => state() === 'false', 15_000);
      expect(view.endpoints('external')[0]?.health).toBe('disabled');
      expect(await corrector.enable(target, signal)).toBe('done');
      await view.until('enabled', () => state() === 'true', 15_000);
    } finally {
      corrector.close();
      await view.stop(5_000);
      await harness.close();
    }
  }, 120_000);
});
