import type { ServerHttp2Session } from 'node:http2';

/** A peer that vanished without a word is noticed in 40 s. */
const PING_EVERY = 30_000;
const ANSWER_WITHIN = 10_000;

/** Pings the peer and ends the connection when it does not answer, for as long as the connection lives. */
export function keepAlive(session: ServerHttp2Session): void {
  let overdue: NodeJS.Timeout | undefined;
  const every = setInterval(() => {
    if (session.destroyed) return;
    overdue = setTimeout(() => session.destroy(), ANSWER_WITHIN);
    overdue.unref();
    session.ping(() => clearTimeout(overdue));
  }, PING_EVERY);
  every.unref();
  session.on('close', () => {
    clearInterval(every);
    clearTimeout(overdue);
  });
}
