import type { ServerHttp2Session } from 'node:http2';

/** ms. A peer that vanished without a word is noticed in 40 s. */
const PACE = { pingEvery: 30_000, answerWithin: 10_000 };

/**
 * Pings a peer that has said nothing for a while, and ends the connection when it does not answer, for as long as the
 * connection lives. Whatever comes from it is an answer: it may be busy with what it was sent.
 */
export function keepAlive(session: ServerHttp2Session, { pingEvery, answerWithin } = PACE): void {
  const { socket } = session;
  let heard = 0;
  let overdue: NodeJS.Timeout | undefined;
  const endUnlessHeard = (): void => {
    if (!session.destroyed && socket.bytesRead === heard) session.destroy();
  };
  const every = setInterval(() => {
    if (session.destroyed) return;
    if (socket.bytesRead !== heard) {
      heard = socket.bytesRead;
      return;
    }
    // When we were busy ourselves its answer waits to be read: that comes before `setImmediate`.
    overdue = setTimeout(() => setImmediate(endUnlessHeard), answerWithin);
    overdue.unref();
    session.ping(() => clearTimeout(overdue));
  }, pingEvery);
  every.unref();
  session.on('close', () => {
    clearInterval(every);
    clearTimeout(overdue);
  });
}
