import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentials, status } from '@grpc/grpc-js';
import { tlsFailure } from './http2/tls-failure.ts';
import { servedByTest } from './testing/served.ts';
import { CDS, EDS } from './type-urls.ts';

const node = { id: 'web', cluster: 'c' };
const served = servedByTest();

describe('tokens', () => {
  test('are asked of every stream, and can change while the server runs', async () => {
    const tokensFile = join(served.dir, 'tokens');
    await writeFile(tokensFile, '# for web\nsecret\n');
    const { port } = await served.serve({ auth: { tokensFile } });
    for (const token of [undefined, 'wrong', '#']) {
      const client = served.connect({ port, ...(token === undefined ? {} : { token }) });
      expect(await client.ended).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringContaining('Bearer <token>'),
      });
    }
    const client = served.connect({ port, token: 'secret' });
    client.send({ node, typeUrl: CDS });
    await client.next();
    await writeFile(tokensFile, 'renewed\n');
    expect((await served.connect({ port, token: 'secret' }).ended).code).toBe(status.UNAUTHENTICATED);
    const renewed = served.connect({ port, token: 'renewed' });
    renewed.send({ node, typeUrl: CDS });
    await renewed.next();
    await rm(tokensFile);
    const kept = served.connect({ port, token: 'renewed' });
    kept.send({ node, typeUrl: CDS });
    await kept.next();
  });

  test('must be there at the start', async () => {
    await writeFile(join(served.dir, 'empty'), '# none\n');
    for (const file of ['empty', 'missing']) {
      await expect(served.serve({ auth: { tokensFile: join(served.dir, file) } })).rejects.toMatchObject({
        code: 'config.invalid',
        where: join(served.dir, file),
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
    const open = await served.serve({ tls: { certFile, keyFile } });
    const client = served.connect({ port: open.port, credentials: trusting });
    client.send({ node, typeUrl: CDS });
    await client.next();
    expect((await served.connect({ port: open.port }).ended).code).toBe(status.UNAVAILABLE);
    const mutual = await served.serve({ tls: { certFile, keyFile, clientCaFile: certFile } });
    expect(await served.connect({ port: mutual.port, credentials: trusting }).ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('client certificate'),
    });
    expect(mutual.server.rejections()).toMatchObject([{ code: 'UNAUTHENTICATED', count: 1 }]);
    const known = served.connect({ port: mutual.port, credentials: credentials.createSsl(cert, key, cert) });
    known.send({ node, typeUrl: CDS });
    await known.next();
  });

  test('says who did not get through the handshake: who speaks without TLS, and who does not trust the certificate', async () => {
    const { port, server } = await served.serve({ tls: { certFile, keyFile } });
    const plain = createConnection({ host: '127.0.0.1', port }, () => plain.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    await once(plain.on('error', () => undefined).resume(), 'close');
    expect(server.rejections()).toMatchObject([
      {
        node: '',
        address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        code: 'UNAVAILABLE',
        reason: expect.stringContaining('without TLS'),
      },
    ]);
    // As Envoy ends it, and as Go does.
    for (const reason of ['tlsv1 alert unknown ca', 'ssl/tls alert bad certificate'])
      expect(tlsFailure(alert(reason))).toContain('--xds-ca');
    expect(tlsFailure(alert('no shared cipher'))).toBe('the TLS handshake failed: no shared cipher');
    // Whoever only looks whether the port is open is nobody to tell of.
    expect(tlsFailure(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))).toBeUndefined();
  });

  test('shows renewed files to new connections, keeps open ones, and keeps what it has when the new pair does not fit', async () => {
    const other = join(import.meta.dirname, '../../registry-consul/src/testdata/tls');
    const files = { certFile: join(served.dir, 'now.crt'), keyFile: join(served.dir, 'now.key') };
    const use = (cert: string, key: string) => Promise.all([copyFile(cert, files.certFile), copyFile(key, files.keyFile)]);
    const newCert = join(other, 'localhost.pem');
    const newKey = join(other, 'localhost-key.pem');
    const trusting = async (cert: string) => credentials.createSsl(await readFile(cert));
    await use(certFile, keyFile);
    const { server, port } = await served.serve({ tls: files });
    const before = served.connect({ port, credentials: await trusting(certFile) });
    before.send({ node, typeUrl: CDS });
    await before.next();

    await use(newCert, newKey);
    await server.renewCertificates();
    const after = served.connect({ port, credentials: await trusting(newCert) });
    after.send({ node, typeUrl: CDS });
    await after.next();
    expect((await served.connect({ port, credentials: await trusting(certFile) }).ended).code).toBe(status.UNAVAILABLE);

    await use(certFile, newKey);
    await expect(server.renewCertificates()).rejects.toMatchObject({ code: 'config.invalid', where: files.certFile });
    const still = served.connect({ port, credentials: await trusting(newCert) });
    still.send({ node, typeUrl: CDS });
    await still.next();
    served.set(EDS, 'a', '1');
    before.send({ typeUrl: EDS, resourceNames: ['a'] });
    expect(await before.next()).toMatchObject({ typeUrl: EDS });
  });

  test('names the file that it cannot use', async () => {
    const missing = join(served.dir, 'missing.key');
    await expect(served.serve({ tls: { certFile, keyFile: missing } })).rejects.toMatchObject({
      code: 'config.invalid',
      where: missing,
    });
  });
});

/** As Node gives what OpenSSL says. */
function alert(reason: string): Error {
  return Object.assign(new Error(reason), { code: 'ERR_SSL_TEST', reason });
}
