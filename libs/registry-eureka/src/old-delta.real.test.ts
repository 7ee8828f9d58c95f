import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import { startEureka } from '@isthmus/servers';
import type { EurekaServer } from '@isthmus/servers';
import { EurekaRest } from './testing/eureka-rest.ts';
import { openEureka } from './testing/scripted-harness.ts';
import { wireInstance } from './testing/wire-instance.ts';

jest.setTimeout(180_000);

const scope = { source: parseSourceId('old'), namespace: '', group: '' };
const LEASE = { leaseSeconds: 3_600 };
/** The server takes 100 ms and more to make a delta of so many: time to change something meanwhile. */
const INSTANCES = 2_000;

const place = (n: number) => ({ address: `10.1.${n >> 8}.${n & 255}`, port: 80 });

describe('a real Eureka that is told of an instance while it makes its delta', () => {
  let server: EurekaServer;
  let rest: EurekaRest;

  beforeAll(async () => {
    server = await startEureka({ heapMb: 384 });
    rest = new EurekaRest(`http://127.0.0.1:${server.ports.http}/eureka`);
    await rest.registerAll(Array.from({ length: INSTANCES }, (_, n) => wireInstance(`s${n}`, place(n), LEASE)));
  }, 120_000);
  afterAll(async () => {
    rest?.close();
    await server?.stop();
  });

  const delta = async (format: 'json' | 'xml'): Promise<string> => {
    const headers = { accept: `application/${format}` };
    return (await fetch(`http://127.0.0.1:${server.ports.http}/eureka/apps/delta`, { headers })).text();
  };
  const hash = async (format: 'json' | 'xml') => /apps__hashcode[">:]+(\w*)/.exec(await delta(format))?.[1];

  test('repeats the one without it, and is seen through', async () => {
    const view = collect(openEureka([`http://127.0.0.1:${server.ports.http}/eureka`], { pollInterval: '200ms', timeout: '10s' }));
    try {
      await view.until('live', () => view.status(scope)?.state === 'live' && view.services.size === INSTANCES, 60_000);
      let missed = INSTANCES;
      // The first try does it nearly always; it has to come between the server's look at its queue and the end of its writing.
      for (; (await hash('json')) === (await hash('xml')) && missed < INSTANCES + 20; missed += 1) {
        await rest.register(wireInstance('s0', place(0), LEASE));
        await Promise.all([delta('json'), rest.register(wireInstance(`s${missed}`, place(missed), LEASE))]);
      }
      await view.until('it is there', () => view.endpoints(`s${missed - 1}`).length === 1, 60_000);
      // Not because the server has noticed: its delta is what it was.
      expect([await hash('json'), await hash('xml')]).toEqual([`UP_${missed - 1}_`, `UP_${missed}_`]);
      await rest.deregister(`s${missed - 1}`, place(missed - 1).address, 80);
      await view.until('it is gone', () => view.endpoints(`s${missed - 1}`).length === 0, 60_000);
      expect(view.status(scope)?.state).toBe('live');
    } finally {
      await view.stop();
    }
    expect(view.violations).toEqual([]);
  });
});
