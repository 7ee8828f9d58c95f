import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IsthmusError, takesTraffic } from '@isthmus/model';
import type { CorrectionTarget, RegistryCorrector } from '../registry-corrector.ts';
import { collect } from './collect.ts';
import type { Collector } from './collect.ts';
import type { RegistryHarness } from './harness.ts';

export interface CorrectorHarness extends RegistryHarness {
  corrector(password?: 'right' | 'wrong'): RegistryCorrector;
}

/** What every corrector promises, on the real server. */
export function describeCorrectorContract(name: string, start: () => Promise<CorrectorHarness>, deadlineMs: number): void {
  describe(`${name}: taking instances out of service`, () => {
    let harness: CorrectorHarness;
    let view: Collector;
    let corrector: RegistryCorrector;
    const signal = new AbortController().signal;

    beforeAll(async () => {
      harness = await start();
      view = collect(harness.open());
      corrector = harness.corrector();
    }, 180_000);

    afterAll(async () => {
      corrector.close();
      await view.stop(5_000);
      await harness.close();
    }, 60_000);

    /** Two instances; the first as target. */
    async function registered(service: string): Promise<CorrectionTarget> {
      await harness.register(service, { address: '10.2.0.1', port: 8081, metadata: { version: 'v1' } });
      await harness.register(service, { address: '10.2.0.2', port: 8082 });
      await view.until(`${service} is there`, () => usable(service).length === 2, deadlineMs);
      const record = [...view.services.values()].find(({ key }) => key.name === service);
      const endpoint = record?.endpoints.find(({ port }) => port === 8081);
      if (record === undefined || endpoint === undefined) throw new Error(`${service} has no endpoint at 8081`);
      return { key: record.key, endpoint };
    }

    function usable(service: string): readonly number[] {
      return view
        .endpoints(service)
        .filter(takesTraffic)
        .map(({ port }) => port);
    }

    test(
      'one that is disabled gets nothing any more, the others stay, and enabled it is as it was',
      async () => {
        const target = await registered('corpse');
        expect(await corrector.disable(target, signal)).toBe('done');
        await view.until('disabled', () => usable('corpse').join() === '8082', deadlineMs);
        expect(await corrector.enable(target, signal)).toBe('done');
        await view.until('enabled', () => usable('corpse').length === 2, deadlineMs);
        expect(view.endpoints('corpse').find(({ port }) => port === 8081)).toMatchObject({
          weight: target.endpoint.weight,
          metadata: target.endpoint.metadata,
        });
      },
      deadlineMs * 4,
    );

    test(
      'both may be repeated',
      async () => {
        const target = await registered('repeated');
        for (const _ of [1, 2]) expect(await corrector.disable(target, signal)).toBe('done');
        await view.until('disabled', () => usable('repeated').join() === '8082', deadlineMs);
        for (const _ of [1, 2]) expect(await corrector.enable(target, signal)).toBe('done');
        await view.until('enabled', () => usable('repeated').length === 2, deadlineMs);
      },
      deadlineMs * 4,
    );

    test(
      'one that is not there any more is absent, and is not made again',
      async () => {
        const target = await registered('vanished');
        await harness.deregister('vanished', '10.2.0.1', 8081);
        await view.until('gone', () => view.endpoints('vanished').length === 1, deadlineMs);
        expect(await corrector.disable(target, signal)).toBe('absent');
        expect(await corrector.enable(target, signal)).toBe('absent');
        expect(view.endpoints('vanished')).toHaveLength(1);
      },
      deadlineMs * 4,
    );

    test(
      'the right to do so is asked for without a change',
      async () => {
        const { key } = await registered('asked');
        const before = JSON.stringify(view.endpoints('asked'));
        const { size } = view.services;
        await corrector.mayCorrect(key, signal);
        await registered('asked-later'); // whatever the question had done would be seen by now
        expect(JSON.stringify(view.endpoints('asked'))).toBe(before);
        expect(view.services.size).toBe(size + 1);
      },
      deadlineMs * 4,
    );

    test(
      'without the right to write it says so, and changes nothing',
      async () => {
        const target = await registered('guarded');
        const wrong = harness.corrector('wrong');
        try {
          const thrown: unknown = await wrong.disable(target, signal).catch((error: unknown) => error);
          expect(IsthmusError.is(thrown) && thrown.code).toBe('registry.auth');
          expect(IsthmusError.is(thrown) && thrown.remedy).toBeTruthy();
          const asked: unknown = await wrong.mayCorrect(target.key, signal).catch((error: unknown) => error);
          expect(IsthmusError.is(asked) && asked.code).toBe('registry.auth');
        } finally {
          wrong.close();
        }
        expect(usable('guarded')).toHaveLength(2);
      },
      deadlineMs * 4,
    );
  });
}
