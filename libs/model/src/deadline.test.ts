import { expect, test } from '@jest/globals';
import { deadlineSignal, within } from './deadline.ts';

const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));

test('it ends after its time', async () => {
  const keepsTheProcess = setTimeout(() => undefined, 10_000);
  expect(await aborted(deadlineSignal(5, new AbortController().signal))).toMatchObject({ name: 'TimeoutError' });
  clearTimeout(keepsTheProcess);
});

test('it ends with its parent, at once where that has ended already', async () => {
  const parent = new AbortController();
  const ended = aborted(deadlineSignal(60_000, parent.signal));
  parent.abort('enough');
  expect(await ended).toBe('enough');
  expect(deadlineSignal(60_000, parent.signal)).toMatchObject({ aborted: true, reason: 'enough' });
});

test('a call gets such a signal, which nothing aborts once the call has ended', async () => {
  const parent = new AbortController();
  let given: AbortSignal | undefined;
  const call = (signal: AbortSignal) => Promise.resolve((given = signal));
  await within(60_000, parent.signal, call);
  parent.abort();
  expect(given?.aborted).toBe(false);
  const late = within(5, new AbortController().signal, aborted);
  expect(await late).toMatchObject({ name: 'TimeoutError' });
});
