import { execFile, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { Rung } from '@isthmus/ladder';
import { until } from '@isthmus/model/testing';
import type { EnvoyServer } from '@isthmus/servers';
import { selfSigned } from '@isthmus/translate/testing';
import type { ClientsAnswer, ClientsOrder } from './support/agent-clients-main.ts';
import { startSidecar } from './support/envoy.ts';
import { GrpcBackend } from './support/grpc-backend.ts';
import { RulesBridge } from './support/rules-bridge.ts';

jest.setTimeout(120_000);

const NAMES = 'names.shop.svc.cluster.local';
const VAULT = 'vault.shop.svc.cluster.local';
interface Entry {
  readonly import: string;
  readonly require: string;
}
type Entries = Readonly<Record<string, Entry>>;

const PACKAGE = join(import.meta.dirname, '../../dist/packages/agent');

test.each(['', '/http', '/undici', '/grpc', '/nest'])(
  'the built @isthmus/agent%s is one copy, by import and by require',
  async (path) => {
    const { exports } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as Record<string, Entries>;
    const entry = exports?.[`.${path}`] as Entry;
    const script = `
    const required = require('${join(PACKAGE, entry.require)}');
    import('${join(PACKAGE, entry.import)}').then((imported) => {
      const names = Object.keys(required).sort();
      const same = names.filter((name) => imported[name] === required[name]);
      process.stdout.write(JSON.stringify([names, same, Object.keys(imported).sort()]));
    });`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
    const [names, same, imported] = JSON.parse(stdout) as string[][];
    expect(names?.length).toBeGreaterThan(0);
    expect(same).toEqual(names);
    expect(imported).toEqual(names);
  },
);

describe('a service with the agent, an Envoy and the bridge', () => {
  let directory: string;
  let bridge: RulesBridge;
  let envoy: EnvoyServer<'egress'>;
  let names: GrpcBackend;
  let vault: Server;
  let vaultPort: number;
  const vaultSaw = { direct: 0, proxied: 0 };
  let child: ChildProcess;
  let log = '';
  let version = 0;

  const plan = async (rung: Rung): Promise<void> => {
    const file = join(directory, 'plan.json');
    const targets = [
      { host: NAMES, port: 7070, rung, addresses: [`127.0.0.1:${names.port}`] },
      { host: VAULT, port: 80, rung, originatesTls: true, addresses: [`127.0.0.1:${vaultPort}`] },
    ];
    await writeFile(`${file}.new`, JSON.stringify({ schema: 1, version: String((version += 1)), targets }));
    await rename(`${file}.new`, file);
  };
  const call = async (way: ClientsOrder['way'], calls: number): Promise<ClientsAnswer> => {
    const answer = once(child, 'message', { signal: AbortSignal.timeout(60_000) });
    child.send({ way, calls } satisfies ClientsOrder);
    return ((await answer) as [ClientsAnswer])[0];
  };
  const ok = { grpc: 'names', https: 'vault', fetch: 'vault' } as const;
  /** Calls until all of the last ones went through Envoy, or none; every call has to succeed. */
  const moved = async (way: ClientsOrder['way'], proxied: boolean): Promise<void> => {
    const saw = () => (way === 'grpc' ? names.proxied : vaultSaw.proxied);
    await until(`calls by ${way} go ${proxied ? 'through Envoy' : 'to the instance'}; the agent said ${log}`, async () => {
      const before = saw();
      expect(await call(way, 40)).toEqual({ [ok[way]]: 40 });
      return saw() - before === (proxied ? 40 : 0);
    });
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-agent-clients-'));
    names = await GrpcBackend.start('names');
    const certificate = await selfSigned(directory, 'orders');
    vault = createServer({ ...certificate, keepAliveTimeout: 0 }, ({ headers }, response) => {
      vaultSaw[headers['x-request-id'] === undefined ? 'direct' : 'proxied'] += 1;
      response.end('vault');
    });
    await new Promise<void>((resolve) => vault.listen(0, '127.0.0.1', resolve));
    vaultPort = (vault.address() as AddressInfo).port;
    bridge = await RulesBridge.start({ 'services.yaml': services(names.port, vaultPort, certificate.certFile) });
    envoy = await startSidecar(bridge.xds, 'DELTA_GRPC');
    await plan('sdk');
    const { port } = new URL(`isthmus://${NAMES}:7070`);
    const order = [PACKAGE, `isthmus:${NAMES}:${port}`, String(vaultPort), certificate.certFile];
    child = fork(join(import.meta.dirname, 'support/agent-clients-main.ts'), order, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--no-warnings', '--require', join(PACKAGE, 'agent/src/register.js')],
      env: {
        ...process.env,
        ISTHMUS_PLAN_FILE: join(directory, 'plan.json'),
        ISTHMUS_EGRESS: `127.0.0.1:${envoy.ports.egress}`,
        ISTHMUS_SIDECAR_ADMIN: `http://127.0.0.1:${envoy.ports.admin}`,
      },
    });
    child.stderr?.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
  }, 180_000);

  afterAll(async () => {
    if (child?.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await envoy?.stop();
    await bridge?.close();
    names?.stop();
    vault?.closeAllConnections();
    vault?.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('a live gRPC channel moves to Envoy by the name of its service and back, and no call fails', async () => {
    await moved('grpc', false);
    for (let turn = 0; turn < 3; turn += 1) {
      await plan('traffic');
      await moved('grpc', true);
      await plan('sdk');
      await moved('grpc', false);
    }
  });

  test('calls by https move where Envoy originates TLS, by fetch too, and no call fails', async () => {
    await moved('https', false);
    await plan('traffic');
    await moved('https', true);
    await moved('fetch', true);
    await plan('sdk');
    await moved('https', false);
  });

  test('both go on at the instances when Envoy is killed, and return when there is one again', async () => {
    await plan('traffic');
    await moved('grpc', true);
    await moved('https', true);
    await envoy.kill();
    // A gRPC call into a connection whose end this process has not read yet fails as it would at a dead instance.
    await until('the agent knows', () => log.includes('sidecar-lost'));
    await moved('grpc', false);
    await moved('https', false);
    await envoy.restart();
    await moved('grpc', true);
    await moved('https', true);
  });
});

function services(grpc: number, vault: number, ca: string): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: names, namespace: shop }
spec:
  hosts: [${NAMES}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 7070, name: grpc, protocol: GRPC }]
  endpoints: [{ address: 127.0.0.1, ports: { grpc: ${grpc} } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: vault, namespace: shop }
spec:
  hosts: [${VAULT}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1, ports: { http: ${vault} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault, namespace: shop }
spec:
  host: ${VAULT}
  trafficPolicy:
    tls: { mode: SIMPLE, caCertificates: '${ca}', sni: orders, subjectAltNames: [orders] }
`;
}
