import type { SourceEvent } from '@isthmus/model';
import { EventChannel } from './event-channel.ts';

/**
 * What a source's `work` says, until the signal aborts or the reader leaves by `break`: either aborts the signal that `work` has, and
 * the iteration ends when `work` has. What `work` throws is a bug of ours, and thrown to the reader at that end.
 */
export async function* sourceEvents(
  signal: AbortSignal,
  work: (channel: EventChannel, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<SourceEvent> {
  const over = new AbortController();
  const abort = () => over.abort();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) over.abort();
  const channel = new EventChannel();
  const running = work(channel, over.signal);
  try {
    yield* channel.read(over.signal);
  } finally {
    over.abort();
    signal.removeEventListener('abort', abort);
    await running;
  }
}
