// Before the first real test of a run: whoever asks is lent a server (`borrowNacos2`, `borrowEureka` of test/servers). Two runs at once have
// nothing in common, and what was lent ends with this process, however it ends.
import { LENT_KINDS } from './servers/src/lending/kinds.ts';
import { Lender } from './servers/src/lending/lender.ts';

export default async function openLending() {
  // As test/patience.mjs has it for the servers that tests start themselves.
  process.env.ISTHMUS_NICENESS_OF_SERVERS ??= '5';
  // The last one: there are fewer workers (test/servers/src/ports.ts).
  process.env.ISTHMUS_PART_OF_PORTS = '8';
  const lender = await Lender.open(LENT_KINDS);
  process.env.ISTHMUS_LENDER = String(lender.port);
  globalThis[Symbol.for('isthmus.lender')] = lender;
}
