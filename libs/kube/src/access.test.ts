import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageOf } from '@isthmus/model';
import { openAccess } from './access.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'isthmus-kube-access-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function kubeconfig(name: string, text: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  return path;
}

const TWO_CONTEXTS = `
clusters:
  - { name: one, cluster: { server: "https://10.1.1.1:6443/" } }
  - { name: two, cluster: { server: "http://10.1.1.2:8080", insecure-skip-tls-verify: true } }
users: [{ name: u, user: { token: secret-token } }]
contexts:
  - { name: first, context: { cluster: one, user: u, namespace: shop } }
  - { name: second, context: { cluster: two, user: u } }
current-context: first
`;

describe('a kubeconfig', () => {
  test('gives server, namespace and token of its current context, or of another that is asked for', async () => {
    const path = await kubeconfig('two', TWO_CONTEXTS);
    const first = await openAccess({ kubeconfig: path });
    expect([first.server, first.namespace]).toEqual(['https://10.1.1.1:6443', 'shop']);
    expect((await first.credentials()).headers).toEqual({ authorization: 'Bearer secret-token' });
    const second = await openAccess({ kubeconfig: path, context: 'second' });
    expect([second.server, second.namespace]).toEqual(['http://10.1.1.2:8080', 'default']);
    first.close();
    second.close();
  });

  test('that was changed is read again after its token was refused', async () => {
    const path = await kubeconfig('rotated', TWO_CONTEXTS);
    const access = await openAccess({ kubeconfig: path });
    await access.credentials();
    await writeFile(path, TWO_CONTEXTS.replace('secret-token', 'new-token'));
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer secret-token' });
    access.renew();
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer new-token' });
    await writeFile(path, 'clusters: ['); // half written
    access.renew();
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer new-token' });
    access.close();
  });

  test.each([
    ['missing', undefined, /missing cannot be read: .*ENOENT[^]*kubectl/],
    ['broken', 'clusters: [', /broken cannot be read/],
    ['empty', '{}', /empty cannot be read|empty has no context/],
    [
      'other',
      TWO_CONTEXTS.replace('current-context: first', 'current-context: third'),
      /no context "third"[^]*one of first, second/,
    ],
    ['lost', TWO_CONTEXTS.replace('cluster: one,', 'cluster: none,'), /context "first" names no cluster with a server/],
  ])('that is %s is an error with its path and what to do', async (name, text, message) => {
    const path = text === undefined ? join(dir, name) : await kubeconfig(name, text);
    const thrown: unknown = await openAccess({ kubeconfig: path }).catch((error: unknown) => error);
    expect(messageOf(thrown)).toMatch(message);
    expect(messageOf(thrown)).toMatch(/\[config\.invalid\]$/);
  });
});

describe('inside a Pod', () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  test('the service account is used, its token anew when it was rotated', async () => {
    const serviceAccountDir = join(dir, 'account');
    await mkdir(serviceAccountDir);
    const files = { token: 'one\n', 'ca.crt': 'PEM', namespace: 'mesh' };
    for (const [name, text] of Object.entries(files)) await writeFile(join(serviceAccountDir, name), text);
    const access = await openAccess({ env, serviceAccountDir });
    expect([access.server, access.namespace]).toEqual(['https://[fd00::1]:443', 'mesh']);
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer one' });
    await writeFile(join(serviceAccountDir, 'token'), 'two');
    access.renew();
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer two' });
    access.close();
  });

  test('without a token the error says which setting mounts it', async () => {
    const access = await openAccess({ env, serviceAccountDir: join(dir, 'nothing') });
    await expect(access.credentials()).rejects.toThrow("the service account's token cannot be read");
  });
});
