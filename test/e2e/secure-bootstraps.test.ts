import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ItemList, ProxyView, RejectedProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { freePorts, provide, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { Authority } from './support/authority.ts';
import type { IssuedFiles } from './support/authority.ts';
import { Backend } from './support/backend.ts';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';
import { callEgress } from './support/egress.ts';
import { GrpcBackend } from './support/grpc-backend.ts';
import type { GrpcAnswers } from './support/grpc-names.ts';
import { LineProcess } from './support/line-process.ts';
import { serviceEntry } from './support/service-entry.ts';

jest.setTimeout(180_000);

/** docs/attach-envoy.md, "TLS and tokens": each way to know who connects, with the bootstrap that the CLI makes for it. */
type Way = 'TLS' | 'TLS and a token' | 'TLS and a client certificate';
type Flags = readonly string[];

let dir: string;
let ours: Authority;
let others: Authority;
let server: IssuedFiles;
let client: IssuedFiles;
let stranger: IssuedFiles;
let http: Backend;
let grpc: GrpcBackend;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-secure-'));
  ours = await Authority.make(dir, 'ours');
  others = await Authority.make(dir, 'others');
  server = await ours.issue('bridge', 'DNS:localhost, IP:127.0.0.1');
  client = await ours.issue('web', 'URI:spiffe://shop/web');
  stranger = await others.issue('web', 'URI:spiffe://shop/web');
  await writeFile(join(dir, 'tokens'), '# of the test\ntoken-of-web\n');
  await writeFile(join(dir, 'token'), 'token-of-web\n');
  await writeFile(join(dir, 'wrong-token'), 'token-of-nobody\n');
  http = await Backend.start('orders-1');
  grpc = await GrpcBackend.start('greeter-1');
});

afterAll(async () => {
  await http?.stop();
  grpc?.stop();
  await rm(dir, { recursive: true, force: true });
});

const trust = (authority: Authority): Flags => ['--xds-ca', authority.certFile];
const show = ({ certFile, keyFile }: IssuedFiles): Flags => ['--xds-cert', certFile, '--xds-key', keyFile];
const token = (file: string): Flags => ['--xds-token-file', join(dir, file)];

/** How the output listens, what a client needs for it, and who is turned away with which words. */
const WAYS: Readonly<Record<Way, { demand(): object; good(): Flags; bad(): readonly (readonly [string, Flags, RegExp])[] }>> = {
  TLS: {
    demand: () => ({ tls: server }),
    good: () => trust(ours),
    bad: () => [
      ['another authority', trust(others), /does not trust the bridge’s certificate.*--xds-ca/],
      ['no TLS', [], /without TLS.*--xds-ca/],
    ],
  },
  'TLS and a token': {
    demand: () => ({ tls: server, auth: { tokensFile: join(dir, 'tokens') } }),
    good: () => [...trust(ours), ...token('token')],
    bad: () => [
      ['a wrong token', [...trust(ours), ...token('wrong-token')], /no valid token/],
      ['no token', trust(ours), /no valid token/],
    ],
  },
  'TLS and a client certificate': {
    demand: () => ({ tls: { ...server, clientCaFile: ours.certFile } }),
    good: () => [...trust(ours), ...show(client)],
    bad: () => [
      ['no certificate', trust(ours), /no valid client certificate/],
      ["a stranger's certificate", [...trust(ours), ...show(stranger)], /no valid client certificate/],
    ],
  },
};

describe.each(Object.keys(WAYS) as Way[])('an xDS output with %s', (way) => {
  const { demand, good, bad } = WAYS[way];
  const started: { stop(): Promise<unknown> }[] = [];
  let bridge: BridgeProcess;

  beforeAll(async () => {
    bridge = await BridgeProcess.prepare([]);
    const { xds } = bridge.ports;
    await bridge.configure([{ name: 'nothing', kind: 'file', path: 'services.yaml' }], {
      istio: { dir: '.' },
      outputs: { xds: { listen: `127.0.0.1:${xds}`, ...demand() } },
    });
    await writeFile(join(bridge.directory, 'services.yaml'), 'services: []\n');
    const entries = [serviceEntry('orders', 80, 'http', http.port), serviceEntry('greeter', 7070, 'grpc', grpc.port)];
    await writeFile(join(bridge.directory, 'entries.yaml'), entries.join('---\n'));
    await bridge.run();
  });

  afterEach(async () => {
    for (const each of started.splice(0).toReversed()) await each.stop();
  });

  afterAll(() => bridge?.close());

  const cli = async (...args: Flags): Promise<string> => {
    const { code, stdout, stderr } = await startCli(args, { cwd: dir }).ended;
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const turnedAway = async (): Promise<readonly RejectedProxyView[]> =>
    (await bridge.get<{ readonly rejected: readonly RejectedProxyView[] }>('proxies')).rejected;
  const nodeOf = (name: string): string => `sidecar~127.0.0.1~${name}.shop~shop.svc.cluster.local`;

  const envoy = async (name: string, flags: Flags, readyWhen: 'live' | 'admin', host = '127.0.0.1') => {
    const [admin = 0, egress = 0, metrics = 0] = await freePorts(3);
    const at = (port: number) => `127.0.0.1:${port}`;
    const ports = ['--egress', at(egress), '--admin', at(admin), '--metrics', at(metrics)];
    const args = ['proxy', 'bootstrap', '--node', nodeOf(name), '--xds', `${host}:${bridge.ports.xds}`, ...ports, ...flags];
    const made = await startEnvoy({
      bootstrap: await cli(...args),
      portNames: ['egress', 'metrics'],
      ports: { admin, egress, metrics },
      readyWhen,
    });
    started.push(made);
    return made as EnvoyServer<'egress'>;
  };
  const grpcGo = async (name: string, flags: Flags) => {
    const file = join(dir, `${name}.json`);
    const xds = ['--xds', `127.0.0.1:${bridge.ports.xds}`];
    await writeFile(file, await cli('proxy', 'bootstrap', '--grpc', '--node', nodeOf(name), ...xds, ...flags));
    const { home } = await provide('xds-clients');
    const made = LineProcess.start([join(home, 'bin/xds-clients'), 'grpc'], { GRPC_XDS_BOOTSTRAP: file });
    started.push(made);
    return made;
  };
  const greet = (caller: LineProcess) =>
    caller.ask<GrpcAnswers>({ target: 'xds:///greeter.shop.svc.cluster.local:7070', calls: 1, headers: {} });

  test.each(['127.0.0.1', 'localhost'])('lets in an Envoy with its bootstrap, at %s, and a call flows', async (host) => {
    const { ports } = await envoy('web', good(), 'live', host);
    await until('it is called', async () => (await callEgress(ports.egress, 'orders.shop.svc.cluster.local')).body === http.name);
    const { items } = await bridge.get<ItemList<ProxyView>>('proxies');
    const shown = items.find(({ node }) => node === nodeOf('web'));
    expect(shown?.types.every(({ acked, sent, nack }) => acked === sent && nack === undefined)).toBe(true);
    expect(shown?.identity).toBe(way === 'TLS and a client certificate' ? 'spiffe://shop/web' : undefined);
  });

  test('turns away an Envoy without it, and says so in the status; who is in is served on', async () => {
    const { ports } = await envoy('web', good(), 'live');
    for (const [what, flags, words] of bad()) {
      const other = await envoy('other', flags, 'admin');
      await until(`${what} is told of`, async () => (await turnedAway()).some(({ reason }) => words.test(reason)));
      expect(await cli('proxy', 'status', '--control', `http://127.0.0.1:${bridge.ports.control}`)).toMatch(words);
      await expect(callEgress(other.ports.egress, 'orders.shop.svc.cluster.local')).rejects.toThrow('ECONNREFUSED');
      expect((await bridge.get<ItemList<ProxyView>>('proxies')).items.map(({ node }) => node)).toEqual([nodeOf('web')]);
      await other.stop();
    }
    expect((await callEgress(ports.egress, 'orders.shop.svc.cluster.local')).body).toBe(http.name);
  });

  if (way === 'TLS and a token')
    test('is not for gRPC, whose bootstrap has no place for a token, and the CLI says so', async () => {
      const flags = ['--node', nodeOf('grpc'), '--xds', 'localhost:1', ...good()];
      await expect(cli('proxy', 'bootstrap', '--grpc', ...flags)).rejects.toThrow('no place for a token');
    });
  else
    test('lets in a grpc-go client with its bootstrap, and turns away those without', async () => {
      expect((await greet(await grpcGo('grpc', good()))).counts).toEqual({ [grpc.name]: 1 });
      for (const [, flags, words] of bad()) {
        const before = (await turnedAway()).filter(({ reason }) => words.test(reason)).reduce((sum, { count }) => sum + count, 0);
        const refused = await grpcGo('refused', flags);
        const { counts } = await greet(refused);
        expect(counts[grpc.name]).toBeUndefined();
        await until(`more are told of: ${words.source}`, async () => {
          const now = (await turnedAway()).filter(({ reason }) => words.test(reason));
          return now.reduce((sum, { count }) => sum + count, 0) > before;
        });
      }
    });
});
