import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEnvoy } from '@isthmus/servers';
import { listener, route } from './testing/envoy-resources.ts';
import { RealEnvoy } from './testing/real-envoy.ts';

jest.setTimeout(60_000);

let bench: RealEnvoy;

beforeEach(async () => {
  bench = await RealEnvoy.make();
});

afterEach(() => bench.stop());

test('the bootstrap in docs/xds.md connects', async () => {
  const doc = await readFile(join(import.meta.dirname, '../../../docs/xds.md'), 'utf8');
  const bootstrap = /```yaml\n(node:.*?)```/s.exec(doc)![1]!;
  const port = await bench.listen();
  bench.envoy = await startEnvoy({
    readyWhen: 'live',
    bootstrap: ({ admin }) => bootstrap.replace('15012', String(port)).replace('15000', String(admin)),
  });
  await bench.until('it is known', () => bench.ads.clients().length === 1);
  expect(bench.ads.clients()).toMatchObject([{ node: 'sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local', transport: 'delta' }]);
});

test('an Envoy with its own certificate and a token is let in and known by its certificate; without the token it is not', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-xds-'));
  const tokensFile = join(dir, 'tokens');
  await writeFile(tokensFile, 'secret\n');
  const certFile = join(import.meta.dirname, 'testdata/tls.crt');
  const keyFile = join(import.meta.dirname, 'testdata/tls.key');
  bench.store.commit([listener('egress', bench.egress, 'routes'), route('routes', {})]);
  await bench.listen(0, { tls: { certFile, keyFile, clientCaFile: certFile }, auth: { tokensFile } });
  const tls = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { filename: certFile }, private_key: { filename: keyFile } }],
        validation_context: { trusted_ca: { filename: certFile } },
      },
    },
  };
  await bench.connect({ apiType: 'DELTA_GRPC', secure: { tls, token: 'secret' } });
  await bench.until('it is served', () => {
    const types = bench.ads.clients()[0]?.types ?? [];
    return types.length > 1 && types.every(({ sent, acked }) => sent !== undefined && sent === acked);
  });
  expect(bench.ads.rejections()).toEqual([]);
  expect(bench.ads.clients()[0]?.identity?.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await bench.envoy.stop();
  await bench.connect({ apiType: 'DELTA_GRPC', secure: { tls, token: 'wrong' } });
  await bench.until('it is refused', () => bench.ads.rejections().length > 0);
  expect(bench.ads.rejections()[0]).toMatchObject({ code: 'UNAUTHENTICATED', reason: expect.stringContaining('no valid token') });
  await rm(dir, { recursive: true });
});
