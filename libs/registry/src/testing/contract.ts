import { scopeOf, takesTraffic } from '@isthmus/model';
import { collect } from './collect.ts';
import type { Collector } from './collect.ts';
import { isLive, outageCases } from './contract-outages.ts';
import type { RegistryHarness } from './harness.ts';

export interface ContractOptions {
  /** Most milliseconds that any one condition may take. Default 10,000 (scripted wires, on a busy machine); real servers need more. */
  readonly deadlineMs?: number;
  /** How long the server stays away in the outage case, in milliseconds. Default 1,000. */
  readonly outageMs?: number;
  /** Default 2,000. */
  readonly manyServices?: number;
}

/**
 * What every registry source promises, on a scripted wire (unit) and on the real server (real) alike.
 * One harness serves all cases in the order given; each case uses services of its own.
 */
export function describeRegistryContract(
  name: string,
  makeHarness: () => Promise<RegistryHarness>,
  abilities: RegistryHarness['abilities'],
  options: ContractOptions = {},
): void {
  // Jest's globals instead of `@jest/globals`: that module throws where the bench imports this folder outside of Jest.
  const { describe, test, expect, beforeAll, afterAll, afterEach } = globalThis as unknown as typeof import('@jest/globals');
  const deadline = options.deadlineMs ?? 10_000;
  const outage = options.outageMs ?? 1_000;
  const many = options.manyServices ?? 2_000;
  const caseTimeout = deadline * 8 + outage;

  describe(`${name} keeps the registry contract`, () => {
    let harness: RegistryHarness;
    const open: Collector[] = [];

    const watch = (password: 'right' | 'wrong' = 'right'): Collector => {
      const collector = collect(harness.open({ password }));
      open.push(collector);
      return collector;
    };
    const live = async (password: 'right' | 'wrong' = 'right'): Promise<Collector> => {
      const collector = watch(password);
      await collector.until('live', (view) => isLive(view, harness.scope), deadline);
      return collector;
    };
    const sees = (collector: Collector, service: string, ports: readonly number[]) =>
      collector.until(
        `${service} has the ports ${ports.join(', ')}`,
        (view) =>
          view
            .endpoints(service)
            .map((e) => e.port)
            .sort(byNumber)
            .join() === [...ports].sort(byNumber).join(),
        deadline,
      );

    beforeAll(async () => {
      harness = await makeHarness();
      expect(harness.abilities).toEqual(abilities);
    }, 300_000);
    afterAll(() => harness?.close(), 60_000);
    afterEach(async () => {
      const collectors = open.splice(0);
      await Promise.all(collectors.map((collector) => collector.stop()));
      expect(collectors.flatMap((collector) => collector.violations)).toEqual([]);
    }, 10_000);

    test(
      'a registry that knows nothing of us gives syncing, a complete snapshot and live, in that order',
      async () => {
        const view = await live();
        const order = view.events
          .filter((event) => event.kind === 'snapshot' || event.kind === 'status')
          .map((event) => (event.kind === 'status' ? event.status.state : event.kind));
        expect(order[0]).toBe('syncing');
        expect(order.indexOf('snapshot')).toBeGreaterThan(0);
        expect(order.indexOf('live')).toBeGreaterThan(order.indexOf('snapshot'));
      },
      caseTimeout,
    );

    test(
      'the first snapshot holds what was registered before, with address, port and metadata',
      async () => {
        await harness.register('first', { address: '10.1.0.1', port: 8101, metadata: { version: 'v1' } });
        await harness.register('first', { address: '10.1.0.2', port: 8102 });
        const view = watch();
        await sees(view, 'first', [8101, 8102]);
        await view.until('live', (v) => isLive(v, harness.scope), deadline);
        const one = view.endpoints('first').find((endpoint) => endpoint.port === 8101);
        expect(one).toMatchObject({ address: '10.1.0.1', addressType: 'ip', health: 'healthy', weight: 1 });
        expect(one?.metadata['version']).toBe('v1');
        const record = [...view.services.values()].find((service) => service.key.name === 'first');
        expect(record && scopeOf(record.key)).toEqual(harness.scope);
      },
      caseTimeout,
    );

    test(
      'an instance that is added comes and one that is removed goes, the others stay',
      async () => {
        await harness.register('changing', { address: '10.1.1.1', port: 8111 });
        const view = await live();
        await sees(view, 'changing', [8111]);
        await harness.register('changing', { address: '10.1.1.2', port: 8112 });
        await sees(view, 'changing', [8111, 8112]);
        await harness.deregister('changing', '10.1.1.1', 8111);
        await sees(view, 'changing', [8112]);
      },
      caseTimeout,
    );

    test(
      'changed metadata and health arrive, and an unhealthy instance takes no traffic',
      async () => {
        await harness.register('modified', { address: '10.1.2.1', port: 8121, metadata: { version: 'v1' } });
        await harness.register('modified', { address: '10.1.2.2', port: 8122 });
        const view = await live();
        await sees(view, 'modified', [8121, 8122]);
        const one = () => view.endpoints('modified').find((endpoint) => endpoint.port === 8121);
        await harness.register('modified', { address: '10.1.2.1', port: 8121, metadata: { version: 'v2' } });
        await view.until('version v2', () => one()?.metadata['version'] === 'v2', deadline);
        await harness.register('modified', { address: '10.1.2.1', port: 8121, healthy: false, metadata: { version: 'v2' } });
        await view.until('unhealthy', () => !usable(view, 'modified', 8121), deadline);
        await harness.register('modified', { address: '10.1.2.1', port: 8121, healthy: true, metadata: { version: 'v2' } });
        await view.until('healthy again', () => usable(view, 'modified', 8121), deadline);
        expect(usable(view, 'modified', 8122)).toBe(true);
      },
      caseTimeout,
    );

    if (abilities.weight) {
      test(
        'a weight alone is a change (nacos#8742), and fractions stay fractions',
        async () => {
          await harness.register('weighted', { address: '10.1.3.1', port: 8131, weight: 1 });
          const view = await live();
          await sees(view, 'weighted', [8131]);
          await harness.register('weighted', { address: '10.1.3.1', port: 8131, weight: 3 });
          await view.until('weight 3', (v) => v.endpoints('weighted')[0]?.weight === 3, deadline);
        },
        caseTimeout,
      );
    }

    if (abilities.disable) {
      test(
        'an instance that an operator takes out gets nothing, and comes back when it is let in again',
        async () => {
          await harness.register('disabled', { address: '10.1.4.1', port: 8141 });
          await harness.register('disabled', { address: '10.1.4.2', port: 8142 });
          const view = await live();
          await sees(view, 'disabled', [8141, 8142]);
          await harness.register('disabled', { address: '10.1.4.1', port: 8141, enabled: false });
          await view.until('taken out', () => !usable(view, 'disabled', 8141), deadline);
          expect(usable(view, 'disabled', 8142)).toBe(true);
          await harness.register('disabled', { address: '10.1.4.1', port: 8141, enabled: true });
          await view.until('let in', () => usable(view, 'disabled', 8141), deadline);
        },
        caseTimeout,
      );
    }

    test(
      'when the last instance goes the service goes',
      async () => {
        await harness.register('last', { address: '10.1.5.1', port: 8151 });
        const view = await live();
        await sees(view, 'last', [8151]);
        await harness.deregister('last', '10.1.5.1', 8151);
        await view.until('gone', (v) => !v.has('last'), deadline);
      },
      caseTimeout,
    );

    test(
      'a service that appears later is found, and found again after it was gone',
      async () => {
        const view = await live();
        expect(view.has('later')).toBe(false);
        await harness.register('later', { address: '10.1.6.1', port: 8161 });
        await sees(view, 'later', [8161]);
        await harness.deregister('later', '10.1.6.1', 8161);
        await view.until('gone', (v) => !v.has('later'), deadline);
        await harness.register('later', { address: '10.1.6.2', port: 8162 });
        await sees(view, 'later', [8162]);
      },
      caseTimeout,
    );

    if (abilities.auth) {
      test(
        'a wrong password is a stale registry whose cause says so, never a registry without services',
        async () => {
          await harness.register('guarded', { address: '10.1.7.1', port: 8171 });
          const view = watch('wrong');
          const stale = () => {
            const status = view.status(harness.scope);
            return status?.state === 'stale' ? status : undefined;
          };
          await view.until('stale', () => stale() !== undefined, deadline);
          expect(stale()?.cause).toMatch(/password|auth|login|denied|forbidden|permission|credential|token/i);
          expect(view.events.filter((event) => event.kind === 'snapshot')).toEqual([]);
        },
        caseTimeout,
      );
    }

    outageCases({ harness: () => harness, live, sees, deadline, outage, caseTimeout, abilities });

    test(
      'ending the watch ends the iteration and closes every connection within a second',
      async () => {
        const view = await live();
        await view.stop(1_000);
        const { connections } = harness;
        if (connections !== undefined) {
          const left = () => connections.call(harness);
          await poll('no connection is left', async () => (await left()) === 0, 1_000);
        }
      },
      caseTimeout,
    );

    test(
      `${many} services come in one snapshot, and one change then is one event`,
      async () => {
        await harness.registerMany('many', many);
        const view = watch();
        const count = () => [...view.services.values()].filter((service) => service.key.name.startsWith('many-')).length;
        await view.until(`${many} services and live`, (v) => isLive(v, harness.scope) && count() === many, deadline * 4);
        const before = view.events.length;
        await harness.register('lone', { address: '10.1.8.1', port: 8181 });
        await sees(view, 'lone', [8181]);
        const others = view.events.slice(before).filter((event) => event.kind === 'upsert' && event.service.key.name !== 'lone');
        expect(others).toEqual([]);
      },
      caseTimeout,
    );
  });
}

function usable(view: Collector, service: string, port: number): boolean {
  return view.endpoints(service).some((endpoint) => endpoint.port === port && takesTraffic(endpoint));
}

function byNumber(a: number, b: number): number {
  return a - b;
}

async function poll(what: string, condition: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`"${what}" did not come true in ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
