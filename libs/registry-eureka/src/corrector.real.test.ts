import { describeCorrectorContract } from '@isthmus/registry/testing';
import { startEureka } from '@isthmus/servers';
import { eurekaSchema } from './config.ts';
import { eurekaCorrector } from './corrector.ts';
import { ACCOUNT, realHarness } from './testing/real-harness.ts';

async function start() {
  const harness = await realHarness(startEureka);
  return {
    ...harness,
    corrector: (password: 'right' | 'wrong' = 'right') => {
      const passwordEnv = `ISTHMUS_TEST_CORRECTOR_${password.toUpperCase()}`;
      process.env[passwordEnv] = ACCOUNT[password];
      const auth = { username: ACCOUNT.username, passwordEnv };
      return eurekaCorrector(eurekaSchema.parse({ name: 'old', kind: 'eureka', servers: [harness.url], auth }), '.');
    },
  };
}

describeCorrectorContract('Eureka', start, 20_000);
