import { systemClock } from '@isthmus/model';
import { describeCorrectorContract } from '@isthmus/registry/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { nacosCorrector } from './corrector.ts';
import { realHarness } from './testing/real-harness.ts';
import type { StartNacos } from './testing/real-harness.ts';

async function start(startNacos: StartNacos) {
  let url = '';
  const harness = await realHarness(async (options) => {
    const server = await startNacos(options);
    url = `http://127.0.0.1:${server.ports.http}`;
    return server;
  });
  return {
    ...harness,
    corrector: (password: 'right' | 'wrong' = 'right') =>
      nacosCorrector(
        nacosConfigSchema.parse({
          name: 'shop',
          kind: 'nacos',
          servers: [url],
          auth: { username: 'reader', passwordEnv: `ISTHMUS_TEST_${password.toUpperCase()}` },
        }),
        '.',
        systemClock,
      ),
  };
}

describeCorrectorContract('Nacos 2.3.2', () => start(startNacos2), 30_000);
describeCorrectorContract('Nacos 3.1.0', () => start(startNacos3), 30_000);
