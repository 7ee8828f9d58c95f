import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { until } from '@isthmus/model/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts } from '@isthmus/servers';
import { stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';

const LIBS = join(import.meta.dirname, '../../libs');
const OLD = { cert: join(LIBS, 'xds/src/testdata/tls.crt'), key: join(LIBS, 'xds/src/testdata/tls.key') };
const TLS = join(LIBS, 'registry-consul/src/testdata/tls');
const NEW = { cert: join(TLS, 'localhost.pem'), key: join(TLS, 'localhost-key.pem') };

let bridge: BridgeProcess;

beforeAll(async () => {
  const [nobody = 0] = await freePorts(1);
  const gone = [{ name: 'gone', kind: 'eureka', servers: [`http://127.0.0.1:${nobody}/eureka`] }];
  bridge = await BridgeProcess.prepare(gone);
  await mkdir(join(bridge.directory, 'certs'));
  await use(OLD);
  const at = (port: number) => ({ listen: `127.0.0.1:${port}`, tls: { certFile: 'certs/tls.crt', keyFile: 'certs/tls.key' } });
  const { xds, mcp, control } = bridge.ports;
  const readiness = { maxWait: '0s' };
  await bridge.configure(gone, { outputs: { xds: at(xds), mcp: at(mcp) }, control: at(control), readiness });
  await bridge.run(async () => (await shown(control)) !== undefined);
}, 120_000);

afterAll(() => bridge?.close());

async function use({ cert, key }: typeof OLD): Promise<void> {
  await copyFile(cert, join(bridge.directory, 'certs/tls.crt'));
  await copyFile(key, join(bridge.directory, 'certs/tls.key'));
}

async function fingerprint(file: string): Promise<string> {
  return new X509Certificate(await readFile(file)).fingerprint256;
}

/** Fingerprint of the certificate that a new connection is shown. */
function shown(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] });
    socket.once('error', () => resolve(undefined));
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256);
      socket.destroy();
    });
  });
}

/** A bridge that reads this one, and trusts one certificate only. */
async function doctor(caFile: string): Promise<string> {
  const file = join(bridge.directory, 'reader.yaml');
  const reader = {
    name: 'other',
    kind: 'mcp',
    servers: [`127.0.0.1:${bridge.ports.mcp}`],
    tls: { caFile, serverName: 'localhost' },
  };
  await writeFile(file, stringify({ version: 1, meshId: 'reader', registries: [reader] }));
  return (await startCli(['doctor', '-c', file], { cwd: bridge.directory }).ended).stdout;
}

test('renewed certificates are shown to new connections of xDS, MCP and control without a restart', async () => {
  const ports = Object.values(bridge.ports);
  const all = async () => new Set(await Promise.all(ports.map(shown)));
  expect(await all()).toEqual(new Set([await fingerprint(OLD.cert)]));
  await use(NEW);
  const renewed = new Set([await fingerprint(NEW.cert)]);
  await until('all show the new one', async () => [...(await all())].join() === [...renewed].join());
  expect(await doctor(NEW.cert)).toContain('answers in delta');
  expect(await doctor(OLD.cert)).toContain('tls.caFile');

  await copyFile(OLD.cert, join(bridge.directory, 'certs/tls.crt'));
  await until('the pair that does not fit is refused', () => /do not fit/.test(bridge.log));
  expect(await all()).toEqual(renewed);
}, 120_000);
