import { expect, test } from '@jest/globals';
import { parseSourceId } from '@isthmus/model';
import type { SourceEvent } from '@isthmus/model';
import { sourceEvents } from './source-events.ts';

const live: SourceEvent = {
  kind: 'status',
  scope: { source: parseSourceId('shop'), namespace: '', group: '' },
  status: { state: 'live' },
};

function working(signal: AbortSignal): { readonly events: AsyncGenerator<SourceEvent>; readonly said: string[] } {
  const said: string[] = [];
  const events = sourceEvents(signal, async (channel, until) => {
    channel.push(live);
    await new Promise((resolve) => until.addEventListener('abort', resolve));
    said.push('told to end');
    await Promise.resolve();
    said.push('ended');
  });
  return { events, said };
}

test('a reader that leaves ends the work, and is gone when the work is', async () => {
  const { events, said } = working(new AbortController().signal);
  const seen: SourceEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    break;
  }
  expect(seen).toEqual([live]);
  expect(said).toEqual(['told to end', 'ended']);
});

test('the signal ends both', async () => {
  const stop = new AbortController();
  const { events, said } = working(stop.signal);
  expect(await events.next()).toEqual({ done: false, value: live });
  const end = events.next();
  stop.abort();
  expect(await end).toEqual({ done: true, value: undefined });
  expect(said).toEqual(['told to end', 'ended']);
});

test('work that begins after the signal has its own signal aborted already', async () => {
  let wasAborted: boolean | undefined;
  const events = sourceEvents(AbortSignal.abort(), async (_channel, until) => void (wasAborted = until.aborted));
  expect(await events.next()).toEqual({ done: true, value: undefined });
  expect(wasAborted).toBe(true);
});
