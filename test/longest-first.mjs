import Sequencer from '@jest/test-sequencer';

/** Suites of more than a minute (of the unit tests: of ten seconds), the longest first: one that starts last keeps every other worker waiting for it. */
const LONGEST = [
  'apps-bridge.together.mjs',
  'apps-bridge-src-istio.together.mjs',
  'test/e2e/compose.test.ts',
  'test/e2e/way-back.test.ts',
  'test/e2e/replica-stores.test.ts',
  'test/e2e/replicas.test.ts',
  'test/e2e/gone-for-a-minute.test.ts',
  'libs/registry-eureka/src/sink.real.test.ts',
  'test/e2e/two-bridges.test.ts',
  'faults.real.test.ts',
  'test/e2e/agent-matrix.test.ts',
  'test/e2e/shadow-registries.test.ts',
  'sink.real.test.ts',
  'contract.real.test.ts',
  'libs/registry-nacos/src/source.real.test.ts',
  'agent/src/registries/nacos.real.test.ts',
  'test/e2e/deletion-safety.test.ts',
  'agent/src/registries/consul.real.test.ts',
  'agent/src/registries/eureka.real.test.ts',
  'test/servers/src/servers.real.test.ts',
  'test/e2e/shadow.test.ts',
  'test/e2e/pod-moves-registries.test.ts',
  'test/e2e/lab.test.ts',
  'libs/xds/src/envoy.types.real.test.ts',
  'test/e2e/cli.test.ts',
  'test/oracle/istio-validation.real.test.ts',
  'test/e2e/languages.test.ts',
  'test/e2e/outputs.test.ts',
  'registry-nacos/src/ledger-store.real.test.ts',
  'test/e2e/agent.test.ts',
  'test/e2e/rungs-grpc.test.ts',
  'test/e2e/retired.test.ts',
  'test/e2e/provider.test.ts',
  'test/e2e/secure-bootstraps.test.ts',
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
