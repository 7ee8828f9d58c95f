import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ItemList, ProxyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { freePorts, startIstiod } from '@isthmus/servers';
import type { IstiodServer } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

const TLS = join(import.meta.dirname, '../../libs/registry-consul/src/testdata/tls');

/** docs/attach-istiod.md, "TLS": what an istiod on another machine needs. */
describe('an istiod that reads the bridge over TLS', () => {
  let bridge: BridgeProcess;
  let istiod: IstiodServer | undefined;

  beforeAll(async () => {
    const [nobody = 0] = await freePorts(1);
    const gone = { name: 'gone', kind: 'eureka', servers: [`http://127.0.0.1:${nobody}/eureka`] };
    bridge = await BridgeProcess.prepare([gone]);
    const tls = { certFile: join(TLS, 'localhost.pem'), keyFile: join(TLS, 'localhost-key.pem') };
    await bridge.configure([gone], {
      outputs: { mcp: { listen: `127.0.0.1:${bridge.ports.mcp}`, tls } },
      readiness: { maxWait: '0s' },
    });
    await bridge.run();
  }, 120_000);

  afterAll(async () => {
    await istiod?.stop();
    await bridge?.close();
  });

  const source = (caCertificates: string) => ({
    configSources: [
      { address: `xds://127.0.0.1:${bridge.ports.mcp}`, tlsSettings: { mode: 'SIMPLE', sni: 'localhost', caCertificates } },
    ],
  });

  test('takes the authority as PEM text, and is synced', async () => {
    istiod = await startIstiod({ meshConfig: source(await readFile(join(TLS, 'localhost.pem'), 'utf8')) });
    await until('it is a client', async () =>
      (await bridge.get<ItemList<ProxyView>>('proxies')).items.some((proxy) => proxy.transport === 'mcp'),
    );
  }, 120_000);

  test('does not start with an authority that is a path: the field holds the text', async () => {
    await expect(startIstiod({ meshConfig: source(join(TLS, 'localhost.pem')) })).rejects.toThrow(/ca certificate/);
  }, 120_000);
});
