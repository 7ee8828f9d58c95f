import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { nacosConfigSchema } from './config.ts';
import { HttpClient } from './http.ts';
import { makeAuthority, makeCertificate } from './testing/certificates.ts';
import { renewedTls } from './tls.ts';

/** An authority, a server's certificate, and two of a client: the one that runs out, and its successor. */
function makeCertificates(directory: string): void {
  makeAuthority(directory, 'ca');
  for (const name of ['server', 'old', 'new']) makeCertificate(directory, name, 'IP:127.0.0.1');
}

describe('a client certificate that is renewed while the bridge runs', () => {
  let directory: string;
  let server: Server;
  let client: HttpClient;
  const put = (from: string, to: string) => copyFile(join(directory, from), join(directory, to));
  /** Whom the server takes us for, on a connection of its own. */
  const seenAs = async (): Promise<string> => {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const answer = await client.send({ method: 'GET', url, deadlineMs: 10_000 }, new AbortController().signal);
    return answer.body.toString();
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-nacos-renewed-'));
    makeCertificates(directory);
    const read = (name: string) => readFileSync(join(directory, name));
    const trust = { cert: read('server.pem'), key: read('server.key'), ca: read('ca.pem') };
    server = createServer({ ...trust, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      response.setHeader('connection', 'close');
      response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(async () => {
    await put('old.pem', 'client.pem');
    await put('old.key', 'client.key');
    const tls = { caFile: 'ca.pem', certFile: 'client.pem', keyFile: 'client.key' };
    const entry = { name: 'shop', kind: 'nacos', servers: ['https://127.0.0.1:1'], tls };
    client = new HttpClient(1_024, renewedTls(nacosConfigSchema.parse(entry), directory));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });

  test('is shown by the next connection, and the one before as long as its key is still to come', async () => {
    expect(await seenAs()).toBe('old');
    await put('new.pem', 'client.pem');
    expect(await seenAs()).toBe('old');
    await put('new.key', 'client.key');
    expect(await seenAs()).toBe('new');
    client.close();
  });

  test('that is not there yet is told with its file, and used once it is', async () => {
    await rm(join(directory, 'client.key'));
    await expect(seenAs()).rejects.toMatchObject({ message: expect.stringMatching(/TLS files are not usable.*client\.key/) });
    await put('old.key', 'client.key');
    expect(await seenAs()).toBe('old');
    client.close();
  });
});
