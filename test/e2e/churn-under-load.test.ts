import { expect, jest, test } from '@jest/globals';
import { churnUnderLoad } from './support/churn-under-load.ts';

jest.setTimeout(400_000);

test('no call of two busy Envoys fails while all they are told changes and the bridge is killed, once and twice in a row', async () => {
  const { changes, envoys } = await churnUnderLoad({ seconds: 40, callsPerSecond: 220, everyMs: 100 });
  for (const count of Object.values(changes)) expect(count).toBeGreaterThan(10);
  for (const { transport, calls, callsPerSecond, taken, firstFailure, ...wrong } of envoys) {
    process.stdout.write(
      `${transport}: ${calls} calls, ${Math.round(callsPerSecond)} a second; taken: ${JSON.stringify(taken)}\n`,
    );
    if (firstFailure.length > 0) process.stdout.write(`${[transport, ...firstFailure].join('\n  ')}\n`);
    expect({ transport, ...wrong }).toEqual({ transport, failures: {}, noCluster: 0, noRoute: 0, rejected: 0, warming: 0 });
    expect(calls).toBeGreaterThan(2_000);
    for (const count of Object.values(taken)) expect(count).toBeGreaterThan(10);
  }
});
