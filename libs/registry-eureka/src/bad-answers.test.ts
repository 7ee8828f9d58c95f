import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { FakeEureka } from './testing/fake-eureka.ts';
import { openEureka } from './testing/scripted-harness.ts';
import { instanceId, wireInstance } from './testing/wire-instance.ts';

jest.setTimeout(30_000);

const scope = { source: parseSourceId('old'), namespace: '', group: '' };
const orders = (n: number, more = {}) => wireInstance('orders', { address: `10.0.0.${n}`, port: 8_000 + n, ...more });

describe('a server whose delta is old', () => {
  let server: FakeEureka;
  let view: Collector;

  const ports = () => view.endpoints('orders').map(({ port }) => port);
  const asked = (path: string) => server.requests.filter((one) => one === `/eureka/apps/${path}`).length;
  const polls = async (count: number): Promise<void> => {
    const before = asked('delta');
    await view.until(`${count} polls`, () => asked('delta') >= before + count);
  };

  beforeEach(async () => {
    server = new FakeEureka();
    server.caches = true;
    await server.start();
    server.register(orders(1));
    server.register(orders(2));
    view = collect(openEureka([server.url]));
    await view.until('live', (v) => v.status(scope)?.state === 'live');
    await polls(2);
  });
  afterEach(async () => {
    await view.stop();
    await server.stop();
    expect(view.violations).toEqual([]);
  });

  /** The server makes its delta, and this comes meanwhile. */
  const missed = (change: () => void): void => {
    server.whileMaking('delta', change);
    server.register(orders(2));
  };

  test.each<readonly [string, (server: FakeEureka) => void, () => boolean]>([
    ['a registration', (one) => one.register(orders(3)), () => ports().includes(8_003)],
    [
      'a deregistration',
      (one) => one.deregister('orders', instanceId('orders', '10.0.0.2', 8_002)),
      () => !ports().includes(8_002),
    ],
    [
      'a change that leaves the counts alone',
      (one) => one.register(orders(1, { metadata: { run: '2' } })),
      () => view.endpoints('orders').some(({ metadata }) => metadata['run'] === '2'),
    ],
  ])('is found by its twin in XML: %s is there after one list, and stays', async (_, change, isThere) => {
    const lists = asked('');
    missed(() => change(server));
    await view.until('it is there', isThere);
    await polls(10);
    expect([isThere(), asked('') - lists, view.status(scope)?.state]).toEqual([true, 1, 'live']);
    server.register(orders(4));
    await view.until('the next change is there, too', () => ports().includes(8_004));
    expect([isThere(), asked('') - lists]).toEqual([true, 1]);
  });

  test('a list that is as old is not read again at each poll', async () => {
    const lists = asked('');
    const old = await (await fetch(`${server.url}/apps/`)).text();
    server.script('full', { body: old });
    missed(() => server.register(orders(3)));
    await view.until('it was read', () => asked('') > lists + 1);
    await polls(10);
    expect([ports(), asked('') - lists]).toEqual([[8_001, 8_002], 2]);
  });

  test('the twin is read once while nothing changes, and not at all while something always does', async () => {
    await view.until('the twin was read', () => asked('delta in XML') === 1);
    await polls(10);
    expect(asked('delta in XML')).toBe(1);
    server.caches = false; // a delta of its own at each poll
    await polls(10);
    expect([asked('delta in XML'), asked('')]).toEqual([1, 1]);
  });

  test.each([{ status: 406 }, { body: '<html>log in</html>' }, { body: '' }, { cut: true }])(
    'one that gives no XML (%o) is read as before',
    async (answer) => {
      await view.until('the twin was read', () => asked('delta in XML') === 1);
      server.script('check', answer);
      server.register(orders(3));
      await view.until('the twin was asked for', () => asked('delta in XML') > 1);
      await polls(5);
      expect([ports(), asked(''), view.status(scope)?.state]).toEqual([[8_001, 8_002, 8_003], 1, 'live']);
    },
  );
});
