import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { startEureka, type EurekaPorts } from '../eureka.ts';
import { startNacos2, type NacosPorts } from '../nacos.ts';
import type { Answer } from './lender.ts';

/** A server that other test files of the run have had and will have: it was emptied, and it cannot be stopped, paused or restarted. */
export interface Borrowed<Ports extends Readonly<Record<string, number>>> extends AsyncDisposable {
  readonly ports: Ports;
  /** Once: all that the file has on it may go then. */
  giveBack(): Promise<void>;
}

/**
 * Nacos 2 without authentication, empty. For files that need no other options, that do nothing to the process, and that have all they
 * write in the namespace `public`: what is left in another one cannot be taken away, and ends it.
 */
export async function borrowNacos2(): Promise<Borrowed<NacosPorts>> {
  return (await borrow<NacosPorts>('nacos2')) ?? own(await startNacos2());
}

/** Eureka as `startEureka()` makes it, empty; its delta still tells for three minutes who left. For files that do nothing to the process. */
export async function borrowEureka(): Promise<Borrowed<EurekaPorts>> {
  return (await borrow<EurekaPorts>('eureka')) ?? own(await startEureka());
}

/** Undefined: nobody lends here (test/lending.mjs does, in runs of `real`). */
async function borrow<Ports extends Readonly<Record<string, number>>>(kind: string): Promise<Borrowed<Ports> | undefined> {
  const port = process.env['ISTHMUS_LENDER'];
  if (port === undefined) return undefined;
  const loan = connect(Number(port), '127.0.0.1');
  await once(loan, 'connect');
  loan.write(`${kind}\n`);
  const answer = JSON.parse(await line(loan)) as Answer;
  if ('error' in answer) throw new Error(answer.error);
  const over = new Promise((resolve) => loan.once('close', resolve));
  loan.on('error', () => undefined); // `close` follows
  loan.resume();
  loan.unref(); // it ends with this process, and does not keep it
  return borrowed(answer.ports as Ports, async () => {
    loan.ref();
    loan.end();
    await over;
  });
}

function own<Ports extends Readonly<Record<string, number>>>(server: {
  readonly ports: Ports;
  stop(): Promise<void>;
}): Borrowed<Ports> {
  return borrowed(server.ports, () => server.stop());
}

function borrowed<Ports extends Readonly<Record<string, number>>>(ports: Ports, giveBack: () => Promise<void>): Borrowed<Ports> {
  return { ports, giveBack, [Symbol.asyncDispose]: giveBack };
}

async function line(socket: Socket): Promise<string> {
  for await (const text of createInterface(socket)) return text;
  throw new Error('the lender of servers ended before it answered');
}
