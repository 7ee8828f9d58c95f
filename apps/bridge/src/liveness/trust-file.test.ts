import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { selfSigned } from '@isthmus/translate/testing';
import type { Certificate } from '@isthmus/translate/testing';
import { TrustFile } from './trust-file.ts';

const NAME = 'orders.test';
let dir: string;
let path: string;
let old: Certificate;
let renewed: Certificate;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-trust-'));
  path = join(dir, 'ca.pem');
  old = await signed();
  renewed = await signed();
});
beforeEach(() => write(path, old, 1));
afterAll(() => rm(dir, { recursive: true }));

/** Of one size all of them. */
async function signed(): Promise<Certificate> {
  const pair = await selfSigned(dir, NAME);
  return { ...pair, cert: pair.cert.padEnd(2_000, '\n') };
}

async function write(to: string, { cert }: Certificate, seconds: number): Promise<void> {
  await writeFile(to, cert);
  await utimes(to, seconds, seconds);
}

async function trusts(secureContext: SecureContext, { key, cert }: Certificate): Promise<boolean> {
  const server = createServer({ key, cert }, (socket) => socket.on('error', () => undefined).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    return await new Promise((resolve) => {
      const socket = connect({ host: '127.0.0.1', port, servername: NAME, secureContext });
      socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('close', () => socket.destroy());
    });
  } finally {
    server.close();
  }
}

test('a file that stays as it is is parsed once, also by checks at the same time', async () => {
  const file = new TrustFile(path);
  const [first, beside] = await Promise.all([file.context(), file.context()]);
  expect(beside).toBe(first);
  expect(await file.context()).toBe(first);
  expect(await trusts(first, old)).toBe(true);
});

const renewals: Readonly<Record<string, () => Promise<void>>> = {
  'in place, with another time': () => write(path, renewed, 2),
  'in place, with another size': () => write(path, { ...renewed, cert: `${renewed.cert}\n` }, 1),
  'by another file in its place': async () => {
    const next = join(dir, 'next.pem');
    await write(next, renewed, 1);
    await rename(next, path);
  },
};
for (const [how, renew] of Object.entries(renewals)) {
  test(`an authority that is renewed ${how} counts at the next check`, async () => {
    const file = new TrustFile(path);
    expect(await trusts(await file.context(), renewed)).toBe(false);
    await renew();
    const context = await file.context();
    expect([await trusts(context, renewed), await trusts(context, old)]).toEqual([true, false]);
  });
}

test('a file that cannot be read fails each time it is asked for, and counts when it is back', async () => {
  const file = new TrustFile(path);
  await file.context();
  await rm(path);
  await expect(file.context()).rejects.toThrow('ENOENT');
  await expect(file.context()).rejects.toThrow('ENOENT');
  await write(path, old, 1);
  expect(await trusts(await file.context(), old)).toBe(true);
});

test('checks at the same time all say what is wrong with the file', async () => {
  const file = new TrustFile(dir);
  const asked = await Promise.allSettled([file.context(), file.context()]);
  expect(asked.map((one) => one.status === 'rejected' && String(one.reason))).toEqual([
    expect.stringContaining('EISDIR'),
    expect.stringContaining('EISDIR'),
  ]);
});
