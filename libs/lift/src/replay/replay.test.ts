import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EnvoyModel } from './envoy-model.ts';
import { outlierOptions, readOutcomes, replay } from './replay.ts';

const EJECTION = { consecutive5xx: 0, failurePercentage: 51, requests: 5, interval: 1_000, baseEjectionTime: 3_000 };
const BREAKER = { errorThresholdPercentage: 50, volumeThreshold: 5, rollingCountTimeout: 1_000, resetTimeout: 3_000 };
/** Ten calls a second for ten seconds, in turn to `a`, which fails, and `b`. */
const oneBad = Array.from({ length: 100 }, (_, at) => ({ at: at * 100, host: at % 2 === 0 ? 'a' : 'b', ok: at % 2 === 1 }));

test('of two instances one fails: the mesh leaves it alone, a breaker of the service sees half of the calls fail and stays closed', () => {
  const { calls, failures, sdk, mesh } = replay(oneBad, { ...BREAKER, errorThresholdPercentage: 60 }, EJECTION);
  expect({ calls, failures }).toEqual({ calls: 100, failures: 50 });
  expect(sdk).toEqual({ turnedAway: 0, passedFailures: 50, opened: 0 });
  expect(mesh.ejections.map(({ at, host, kind }) => `${at} ${host} ${kind}`)).toEqual([
    '1000 a ejected', '4000 a back', '5000 a ejected', '8000 a back', '9000 a ejected',
  ]); // prettier-ignore
  expect(mesh).toMatchObject({ turnedAway: 0, moved: 35, passedFailures: 15 });
});

test('all instances fail: both turn calls away, and the mesh comes back without a probe', () => {
  const allBad = oneBad.map((call) => ({ ...call, ok: false }));
  const { sdk, mesh } = replay(allBad, BREAKER, EJECTION);
  expect(sdk.turnedAway).toBeGreaterThan(80);
  expect(mesh.turnedAway).toBeGreaterThan(60);
  expect(mesh.passedFailures).toBeGreaterThan(sdk.passedFailures);
});

test('every call is turned away, moved or passed; none of a host that is out', () => {
  const outcomes = fc.array(fc.record({ at: fc.nat(20_000), host: fc.constantFrom('a', 'b', 'c'), ok: fc.boolean() }), { maxLength: 200 }); // prettier-ignore
  fc.assert(
    fc.property(outcomes, fc.integer({ min: 1, max: 100 }), (calls, failurePercentage) => {
      const sorted = calls.toSorted((a, b) => a.at - b.at);
      const { mesh, sdk, failures } = replay(sorted, BREAKER, { ...EJECTION, failurePercentage });
      expect(sdk.passedFailures).toBeLessThanOrEqual(failures);
      expect(mesh.passedFailures + mesh.turnedAway + mesh.moved).toBeLessThanOrEqual(sorted.length);
      // Nobody is ejected twice without coming back.
      for (const host of ['a', 'b', 'c']) {
        const kinds = mesh.ejections.filter((each) => each.host === host).map(({ kind }) => kind);
        kinds.forEach((kind, at) => expect(kind).toBe(at % 2 === 0 ? 'ejected' : 'back'));
      }
    }),
  );
});

test('errors in a row eject at once, and at most the share that may go; one may always', () => {
  const model = new EnvoyModel({ ...outlierOptions({ consecutive5xx: 2 }), maxEjectionPercent: 10 }, ['a', 'b']);
  for (const host of ['a', 'a', 'b', 'b']) model.answered(10, host, false);
  expect(model.healthyAt(11)).toEqual(['b']);
  expect(model.healthyAt(30_000)).toEqual(['b']);
  expect(model.healthyAt(40_000)).toEqual(['a', 'b']);
});

test('outcomes are read by line, sorted, and a bad line is named', () => {
  expect(readOutcomes('{"at": 2, "host": "a", "status": 503}\n\n{"at": "1970-01-01T00:00:00.001Z", "ok": true}\n')).toEqual([
    { at: 1, host: '', ok: true },
    { at: 2, host: 'a', ok: false },
  ]);
  expect(() => readOutcomes('{"at": 1, "ok": true}\n{"at": 1}')).toThrow('line 2');
  expect(() => readOutcomes('hello')).toThrow('line 1');
});
