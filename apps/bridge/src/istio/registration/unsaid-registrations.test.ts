import { expect, test } from '@jest/globals';
import type { SharedLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { systemTimers } from '@isthmus/xds';
import { readRegistrations } from './registration-report.ts';
import type { RegistrationReport } from './registration-report.ts';
import { keyOf } from './row.ts';
import type { Row } from './row.ts';
import { SharedRegistrations } from './shared-registrations.ts';

const row = (address: string): Row => ({
  claim: { node: 'n', namespace: 'shop', group: 'vm', address, network: '', labels: {}, locality: '', probed: false },
  well: true,
});

test('what comes and goes while nobody leads is not kept', async () => {
  const said: RegistrationReport[] = [];
  let leader: object | undefined;
  let beats = 0;
  const shared = new SharedRegistrations({
    ledger: {
      ...{
        get: () => undefined,
        onCommitted: () => () => undefined,
        writer: { isWriter: () => false, onChange: () => () => undefined },
      },
      get status() {
        beats += 1;
        return { id: 'b', epoch: 1, leader };
      },
    } as unknown as SharedLedger,
    ...{ timers: systemTimers, now: () => performance.now(), graceMs: () => 100, returnMs: 400, most: 10 },
    token: () => Promise.resolve('secret'),
    fetch: (_, init) => {
      said.push(readRegistrations(JSON.parse(String(init?.body)))!);
      return Promise.resolve(Response.json({ known: true }));
    },
  });
  shared.start(() => undefined);
  for (let at = 0; at < 100; at += 1) {
    const one = row(`10.0.1.${at}`);
    shared.offer(keyOf(one.claim), one);
    shared.withdraw(keyOf(one.claim));
  }
  await until('it has tried', () => beats > 0);
  leader = { id: 'a', control: 'https://a.test' };
  const stays = row('10.0.0.7');
  shared.offer(keyOf(stays.claim), stays);
  await until('it has said it', () => said.some(({ changes }) => changes.some(([key]) => key === 'shop/vm-10.0.0.7')));
  expect(said.flatMap(({ changes }) => changes).length).toBeLessThan(20);
  shared.close();
});
