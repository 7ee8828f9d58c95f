import type { Scope } from '@isthmus/model';
import type { Collector } from './collect.ts';
import type { RegistryHarness } from './harness.ts';

export interface OutageCases {
  readonly harness: () => RegistryHarness;
  readonly live: () => Promise<Collector>;
  readonly sees: (collector: Collector, service: string, ports: readonly number[]) => Promise<void>;
  /** Milliseconds, as in `ContractOptions`. */
  readonly deadline: number;
  readonly outage: number;
  readonly caseTimeout: number;
  readonly abilities: RegistryHarness['abilities'];
}

/** Of the registry contract, what is promised while the registry is gone, hangs, or comes back without its data. */
export function outageCases({ harness, live, sees, deadline, outage, caseTimeout, abilities }: OutageCases): void {
  const { test, expect } = globalThis as unknown as typeof import('@jest/globals');

  test(
    'a registry that is gone is stale and loses nothing; when it is back with its data it is live again',
    async () => {
      await harness().register('outage', { address: '10.1.9.1', port: 8191 });
      const view = await live();
      await sees(view, 'outage', [8191]);
      const known = view.services.size;
      await harness().down();
      await view.until('stale', (v) => isStale(v, harness().scope), deadline);
      const since = Date.now();
      await view.until('the outage lasts', () => Date.now() - since >= outage, outage + deadline);
      expect(isStale(view, harness().scope)).toBe(true);
      expect(view.services.size).toBe(known);
      const before = view.events.length;
      await harness().up({ keepData: true });
      await view.until('live again', (v) => isLive(v, harness().scope), deadline * 2);
      expect(view.endpoints('outage').map((endpoint) => endpoint.port)).toEqual([8191]);
      expect(view.events.slice(before).some((event) => event.kind === 'snapshot')).toBe(true);
    },
    caseTimeout,
  );

  if (abilities.hangs !== false) {
    test(
      'a connection that hangs is a stale registry, which loses nothing and recovers',
      async () => {
        const began = Date.now();
        await harness().register('hanging', { address: '10.1.10.1', port: 8201 });
        const view = await live();
        await sees(view, 'hanging', [8201]);
        const known = view.services.size;
        await harness().hang();
        const hungAt = Date.now();
        try {
          await view.until('stale', (v) => isStale(v, harness().scope), deadline * 2);
          // Since its last word, which is nearer to when it hung than to when that was noticed.
          const status = view.status(harness().scope);
          const since = status?.state === 'stale' ? status.since : 0;
          expect(since).toBeGreaterThanOrEqual(began);
          if (abilities.lastWord !== false) expect(since).toBeLessThan((hungAt + Date.now()) / 2);
          expect(view.services.size).toBe(known);
        } finally {
          await harness().resume();
        }
        await view.until('live again', (v) => isLive(v, harness().scope), deadline * 2);
        expect(view.endpoints('hanging').map((endpoint) => endpoint.port)).toEqual([8201]);
      },
      caseTimeout,
    );
  }

  test(
    abilities.emptyAfterRestart
      ? 'a restarted registry that has lost its data is not believed at once: what comes back replaces, the rest goes after the grace'
      : 'a restarted registry that has lost its data ends with what it holds now',
    async () => {
      await harness().register('returns', { address: '10.1.11.1', port: 8211 });
      await harness().register('vanishes', { address: '10.1.11.2', port: 8212 });
      const view = await live();
      await sees(view, 'returns', [8211]);
      await sees(view, 'vanishes', [8212]);
      let heldWhenBack: boolean | undefined;
      const look = () => {
        const back = view.endpoints('returns')[0]?.metadata['run'] === '2';
        if (back) heldWhenBack ??= view.has('vanishes');
        return back;
      };
      await harness().down();
      await view.until('stale', (v) => isStale(v, harness().scope), deadline);
      await harness().up({ keepData: false });
      await harness().register('returns', { address: '10.1.11.1', port: 8211, metadata: { run: '2' } });
      await view.until('the service that comes back', look, deadline * 2);
      if (abilities.emptyAfterRestart) expect(heldWhenBack).toBe(true);
      await view.until('the other one goes', (v) => !v.has('vanishes') && isLive(v, harness().scope), deadline * 2);
      expect(view.endpoints('returns').map((endpoint) => endpoint.port)).toEqual([8211]);
      const removals = view.events.filter((event) => event.kind === 'remove' && event.key.name === 'vanishes');
      if (abilities.emptyAfterRestart) expect(removals).toEqual([]); // it goes by a complete read
    },
    caseTimeout,
  );
}

export function isLive(view: Collector, scope: Scope): boolean {
  return view.status(scope)?.state === 'live';
}

function isStale(view: Collector, scope: Scope): boolean {
  return view.status(scope)?.state === 'stale';
}
