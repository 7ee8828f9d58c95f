import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { SnapshotStore } from './snapshot-store.ts';
import { sotwClient } from './testing/ads-client.ts';
import type { AdsClientOptions, SotwClient } from './testing/ads-client.ts';
import { CDS, EDS } from './type-urls.ts';
import type { XdsEvent } from './xds-event.ts';
import { adsServer } from './xds-server.ts';
import type { XdsServer } from './xds-server.ts';
import type { XdsServerOptions } from './server-options.ts';

const node = { id: 'web', cluster: 'c' };
let dir: string;
let store: SnapshotStore;
let events: XdsEvent[];
const toClose: { close(): unknown }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-xds-'));
  store = new SnapshotStore([CDS, EDS]);
  set(CDS, 'a', '1');
  events = [];
});

afterEach(async () => {
  for (const one of toClose.splice(0).toReversed()) await one.close();
  await rm(dir, { recursive: true });
});

function set(type: string, name: string, version: string): void {
  store.commit([{ type, name, resource: { name, version, bytes: Buffer.from(version) } }]);
}

async function serve(more: Partial<XdsServerOptions> = {}, make = adsServer): Promise<{ server: XdsServer; port: number }> {
  const server = make({
    host: '127.0.0.1',
    port: 0,
    provider: { viewFor: () => store },
    onEvent: (event) => events.push(event),
    ...more,
  });
  toClose.push(server);
  return { server, port: await server.listen() };
}

function connect(options: AdsClientOptions): SotwClient {
  const client = sotwClient(options);
  toClose.push(client);
  return client;
}

describe('tokens', () => {
  test('are asked of every stream, and can change while the server runs', async () => {
    const tokensFile = join(dir, 'tokens');
    await writeFile(tokensFile, '# for web\nsecret\n');
    const { port } = await serve({ auth: { tokensFile } });
    for (const token of [undefined, 'wrong', '#']) {
      const client = connect({ port, ...(token === undefined ? {} : { token }) });
      expect(await client.ended).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringContaining('Bearer <token>'),
      });
    }
    const client = connect({ port, token: 'secret' });
    client.send({ node, typeUrl: CDS });
    await client.next();
    await writeFile(tokensFile, 'renewed\n');
    expect((await connect({ port, token: 'secret' }).ended).code).toBe(status.UNAUTHENTICATED);
    const renewed = connect({ port, token: 'renewed' });
    renewed.send({ node, typeUrl: CDS });
    await renewed.next();
    await rm(tokensFile);
    const kept = connect({ port, token: 'renewed' });
    kept.send({ node, typeUrl: CDS });
    await kept.next();
  });

  test('must be there at the start', async () => {
    await writeFile(join(dir, 'empty'), '# none\n');
    for (const file of ['empty', 'missing']) {
      await expect(serve({ auth: { tokensFile: join(dir, file) } })).rejects.toMatchObject({
        code: 'config.invalid',
        where: join(dir, file),
      });
    }
  });
});

describe('TLS', () => {
  const certFile = join(import.meta.dirname, 'testdata/tls.crt');
  const keyFile = join(import.meta.dirname, 'testdata/tls.key');

  test('lets in who trusts the certificate, and with a client CA only who has one of its certificates', async () => {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    const trusting = credentials.createSsl(cert);
    const open = await serve({ tls: { certFile, keyFile } });
    const client = connect({ port: open.port, credentials: trusting });
    client.send({ node, typeUrl: CDS });
    await client.next();
    expect((await connect({ port: open.port }).ended).code).toBe(status.UNAVAILABLE);
    const mutual = await serve({ tls: { certFile, keyFile, clientCaFile: certFile } });
    expect(await connect({ port: mutual.port, credentials: trusting }).ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('client certificate'),
    });
    expect(mutual.server.rejections()).toMatchObject([{ code: 'UNAUTHENTICATED', count: 1 }]);
    const known = connect({ port: mutual.port, credentials: credentials.createSsl(cert, key, cert) });
    known.send({ node, typeUrl: CDS });
    await known.next();
  });

  test('shows renewed files to new connections, keeps open ones, and keeps what it has when the new pair does not fit', async () => {
    const other = join(import.meta.dirname, '../../registry-consul/src/testdata/tls');
    const files = { certFile: join(dir, 'now.crt'), keyFile: join(dir, 'now.key') };
    const use = (cert: string, key: string) => Promise.all([copyFile(cert, files.certFile), copyFile(key, files.keyFile)]);
    const newCert = join(other, 'localhost.pem');
    const newKey = join(other, 'localhost-key.pem');
    const trusting = async (cert: string) => credentials.createSsl(await readFile(cert));
    await use(certFile, keyFile);
    const { server, port } = await serve({ tls: files });
    const before = connect({ port, credentials: await trusting(certFile) });
    before.send({ node, typeUrl: CDS });
    await before.next();

    await use(newCert, newKey);
    await server.renewCertificates();
    const after = connect({ port, credentials: await trusting(newCert) });
    after.send({ node, typeUrl: CDS });
    await after.next();
    expect((await connect({ port, credentials: await trusting(certFile) }).ended).code).toBe(status.UNAVAILABLE);

    await use(certFile, newKey);
    await expect(server.renewCertificates()).rejects.toMatchObject({ code: 'config.invalid', where: files.certFile });
    const still = connect({ port, credentials: await trusting(newCert) });
    still.send({ node, typeUrl: CDS });
    await still.next();
    set(EDS, 'a', '1');
    before.send({ typeUrl: EDS, resourceNames: ['a'] });
    expect(await before.next()).toMatchObject({ typeUrl: EDS });
  });

  test('names the file that it cannot use', async () => {
    const missing = join(dir, 'missing.key');
    await expect(serve({ tls: { certFile, keyFile: missing } })).rejects.toMatchObject({
      code: 'config.invalid',
      where: missing,
    });
  });
});
