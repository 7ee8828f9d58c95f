import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseSourceId, systemClock } from '@isthmus/model';
import { eurekaRegistry } from './index.ts';
import { FakeEureka } from './testing/fake-eureka.ts';
import { wireInstance } from './testing/wire-instance.ts';

describe('the doctor of a Eureka registry', () => {
  const fake = new FakeEureka();

  beforeEach(() => fake.start());
  afterEach(() => fake.stop());

  const examine = (...servers: readonly string[]) => {
    const config = eurekaRegistry.schema.parse({ name: 'old', kind: 'eureka', servers, timeout: '2s' });
    const deps = { clock: systemClock, random: Math.random, baseDir: '.' };
    return eurekaRegistry.doctor(parseSourceId('old'), config, deps, AbortSignal.timeout(10_000));
  };

  test('a server that is well is two lines without a remedy', async () => {
    fake.register(wireInstance('orders', { address: '10.0.0.1', port: 80 }));
    expect(await examine(fake.url)).toEqual([
      { level: 'ok', what: expect.stringMatching(/answers, 1 application /) },
      { level: 'ok', what: expect.stringMatching(/gives deltas/) },
    ]);
  });

  test('every server is asked, and one that is gone is an error with a remedy', async () => {
    const findings = await examine(fake.url, 'http://127.0.0.1:1/eureka');
    expect(findings.at(-1)).toMatchObject({
      level: 'error',
      what: expect.stringContaining('127.0.0.1:1'),
      remedy: expect.any(String),
    });
    expect(findings[0]?.level).toBe('ok');
  });

  test('a wrong account, a path that is not Eureka’s and a server that hangs each say so', async () => {
    fake.account = 'lab:secret';
    expect(await examine(fake.url)).toMatchObject([
      { level: 'error', what: expect.stringMatching(/401.*credentials are missing/) },
    ]);
    fake.account = undefined;
    expect(await examine(fake.url.replace('/eureka', ''))).toMatchObject([
      { level: 'error', what: expect.stringMatching(/404/), remedy: expect.stringMatching(/\/eureka/) },
    ]);
    fake.hang();
    expect(await examine(fake.url)).toMatchObject([
      { level: 'error', what: expect.stringMatching(/does not answer within 2000 ms/) },
    ]);
  });

  test('missing deltas, self-preservation and peers that are not read are warnings; no password of a peer is shown', async () => {
    const replicas = `${fake.url}/,http://admin:secret@127.0.0.1:2/eureka/`;
    const emergency = '<b>EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP WHEN THEY’RE NOT.</b>';
    fake.page('/', `<html>${emergency}<td>registered-replicas</td><td>${replicas}</td></html>`);
    fake.script('delta', { status: 403 });
    const warnings = (await examine(fake.url)).filter(({ level }) => level === 'warning').map(({ what }) => what);
    expect(warnings).toEqual([
      expect.stringContaining('gives no deltas'),
      expect.stringContaining('self-preservation'),
      expect.stringMatching(/replicates with http:\/\/127\.0\.0\.1:2\/eureka, which/),
    ]);
  });
});
