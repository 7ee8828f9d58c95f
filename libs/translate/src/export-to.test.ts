import { describe, expect, test } from '@jest/globals';
import { exportTo } from './export-to.ts';
import { serviceEntries } from './service-entry.ts';
import { meshService } from './testing/mesh-service.ts';

describe('who sees a service', () => {
  test.each([
    [undefined, []],
    [
      ['web', '.', 'shop', 'web'],
      ['.', 'web'],
    ],
    [['web', '*'], ['*']],
    [['~'], ['~']],
    [['~', 'web'], ['~']],
    [['~', '*'], ['*']],
  ])('%j is %j in a way that Istio takes', (given, wanted) => {
    expect(exportTo({ namespace: 'shop', ...(given === undefined ? {} : { exportTo: given }) })).toEqual(wanted);
  });

  test('is said in its ServiceEntries', () => {
    const service = { ...meshService({ host: 'orders.test', endpoints: [{ address: '10.0.0.1' }] }), exportTo: ['web'] };
    expect(serviceEntries(service).entries.map(({ spec }) => spec.exportTo)).toEqual(service.ports.map(() => ['web']));
  });
});
