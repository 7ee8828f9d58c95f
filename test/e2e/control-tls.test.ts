import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

const TLS = join(import.meta.dirname, '../../libs/xds/src/testdata');

/** The control API beyond loopback: TLS, and a token for reads too. Its registry is down, which must not matter. */
describe('the control API beyond loopback', () => {
  let bridge: BridgeProcess;
  let port: number;
  let running: Promise<unknown>;

  const ask = async (path: string, token?: string): Promise<{ status: number; body: string }> => {
    const ca = await readFile(join(TLS, 'tls.crt'));
    return new Promise((resolve, reject) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const call = request(
        { host: '127.0.0.1', port, path, ca, checkServerIdentity: () => undefined, headers, timeout: 1_000 },
        (answer) => {
          let body = '';
          answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
        },
      );
      call.on('error', reject);
      call.end();
    });
  };

  beforeAll(async () => {
    const [control = 0, nobody = 0] = await freePorts(2);
    port = control;
    bridge = await BridgeProcess.prepare([{ name: 'gone', kind: 'eureka', servers: [`http://127.0.0.1:${nobody}/eureka`] }], {
      control: {
        listen: `0.0.0.0:${control}`,
        tls: { certFile: join(TLS, 'tls.crt'), keyFile: join(TLS, 'tls.key') },
        auth: { tokensFile: 'tokens' },
      },
      readiness: { maxWait: '0s' },
    });
    await writeFile(join(bridge.directory, 'tokens'), 'reader-token\n', { mode: 0o600 });
    running = bridge.runToExit();
    await until('it answers over TLS', async () => (await ask('/healthz').catch(() => undefined))?.status === 200);
  });

  afterAll(async () => {
    await bridge?.close();
    await running;
  });

  test('reads need a token, health does not', async () => {
    expect((await ask('/api/v1/sources')).status).toBe(401);
    expect((await ask('/api/v1/sources', 'wrong')).status).toBe(401);
    expect((await ask('/metrics')).status).toBe(401);
    expect((await ask('/readyz')).status).toBe(200);
  });

  test('a token of the file opens them, and so does the admin token', async () => {
    expect((await ask('/api/v1/sources', 'reader-token')).status).toBe(200);
    expect((await ask('/api/v1/sources', await bridge.adminToken())).status).toBe(200);
  });

  test('no secret is in the log', () => {
    expect(bridge.log).toContain('control listens on');
    expect(bridge.log).not.toContain('reader-token');
  });
});
