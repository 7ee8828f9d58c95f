import Sequencer from '@jest/test-sequencer';

/** Suites of more than a minute, the longest first: one that starts last keeps every other worker waiting for it. */
const LONGEST = [
  'test/e2e/compose.test.ts',
  'libs/registry-eureka/src/sink.real.test.ts',
  'test/e2e/way-back.test.ts',
  'sink.real.test.ts',
  'test/e2e/two-bridges.test.ts',
  'test/e2e/replica-stores.test.ts',
  'faults.real.test.ts',
  'contract.real.test.ts',
  'test/e2e/deletion-safety.test.ts',
  'test/e2e/replicas.test.ts',
  'test/e2e/pod-moves.test.ts',
];

/** Jest knows how long a suite took the last time it ran in this clone; a fresh clone, as CI has, knows nothing and goes by the size of the file. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((end) => path.endsWith(end));
      return at < 0 ? LONGEST.length : at;
    };
    return super.sort(tests).sort((a, b) => rank(a) - rank(b));
  }
}
