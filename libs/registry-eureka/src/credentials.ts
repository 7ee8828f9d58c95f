import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IsthmusError, messageOf } from '@isthmus/model';
import { readSecret } from '@isthmus/registry';
import { AnswerError } from './answer-error.ts';
import type { EurekaConfig } from './config.ts';
import type { TlsMaterial } from './fetch-answer.ts';

export interface Credentials {
  readonly authorization?: string;
  readonly tls?: TlsMaterial;
}

/** Read before every request, so that a rotated password or certificate counts at once. @throws AnswerError `registry.auth` */
export async function readCredentials({ auth, tls }: EurekaConfig, baseDir: string): Promise<Credentials> {
  const credentials: { authorization?: string; tls?: TlsMaterial } = {};
  try {
    if (auth !== undefined) {
      const password = await readSecret({ file: auth.passwordFile, env: auth.passwordEnv }, baseDir);
      credentials.authorization = `Basic ${Buffer.from(`${auth.username}:${password}`, 'utf8').toString('base64')}`;
    }
    if (tls !== undefined) {
      const pem = async (file: string | undefined) => (file === undefined ? undefined : readFile(resolve(baseDir, file), 'utf8'));
      const [ca, cert, key] = await Promise.all([pem(tls.caFile), pem(tls.certFile), pem(tls.keyFile)]);
      credentials.tls = {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      };
    }
  } catch (thrown) {
    const remedy = IsthmusError.is(thrown) ? thrown.remedy : 'check tls.caFile, tls.certFile and tls.keyFile of this registry';
    const what = IsthmusError.is(thrown) ? thrown.message : messageOf(thrown);
    throw new AnswerError('registry.auth', `credentials cannot be read: ${what}`, remedy);
  }
  return credentials;
}
