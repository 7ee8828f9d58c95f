/** Certificates and tokens of one API server. Node makes keys but no certificates, hence `openssl`. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';

const run = promisify(execFile);

/** Name → its groups. */
export type KubernetesUsers = Readonly<Record<string, readonly string[]>>;

export interface Pki {
  readonly dir: string;
  readonly caFile: string;
  /** By user name; `admin` may do everything. */
  readonly tokens: Readonly<Record<string, string>>;
}

/** In `dir`; what is there already is kept, the tokens are new. Elliptic keys: half a second for all. */
export async function makePki(dir: string, users: KubernetesUsers): Promise<Pki> {
  await mkdir(dir, { recursive: true });
  const openssl = (...args: string[]) => run('openssl', args, { cwd: dir });
  if (!existsSync(join(dir, 'server.crt'))) {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
    await openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=isthmus-test-ca', '-days', '3650');
    await writeFile(join(dir, 'server.ext'), `subjectAltName=${serverNames.join(',')}\nextendedKeyUsage=serverAuth\n`);
    await openssl('req', ...ec, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=kube-apiserver');
    const signing = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '3650', '-extfile', 'server.ext'];
    await openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.crt');
    await openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'accounts.key');
    await openssl('ec', '-in', 'accounts.key', '-pubout', '-out', 'accounts.pub');
  }
  const everyone: KubernetesUsers = { ...users, admin: ['system:masters'] };
  const tokens = Object.fromEntries(Object.keys(everyone).map((name) => [name, randomBytes(16).toString('hex')]));
  const rows = Object.entries(everyone).map(([name, groups]) => `${tokens[name]},${name},${name},"${groups.join(',')}"`);
  await writeFile(join(dir, 'tokens.csv'), `${rows.join('\n')}\n`, { mode: 0o600 });
  return { dir, caFile: join(dir, 'ca.crt'), tokens };
}

const serverNames = ['IP:127.0.0.1', 'IP:10.96.0.1', 'DNS:localhost', 'DNS:kubernetes.default.svc'];

/** A kubeconfig with one context, `test`. */
export async function writeKubeconfig(file: string, url: string, caFile: string, token: string): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  await writeFile(file, stringify(config), { mode: 0o600 });
  return file;
}
