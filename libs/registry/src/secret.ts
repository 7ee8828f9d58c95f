import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { IsthmusError } from '@isthmus/model';

/** Where a secret is; never the secret itself. Exactly one of the two is set. */
export interface SecretRef {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}

const MOST_SECRET_BYTES = 64 * 1024;

/**
 * Reads the secret at the moment it is needed, so that a rotated file counts at the next login.
 *
 * @throws IsthmusError `config.invalid` when the file or variable is missing, empty or too large.
 */
export async function readSecret(ref: SecretRef, baseDir: string): Promise<string> {
  const text = ref.file !== undefined ? await readSecretFile(resolve(baseDir, ref.file)) : process.env[ref.env ?? ''];
  if (text === undefined || text === '') {
    throw new IsthmusError('config.invalid', `secret ${ref.file ?? `$${ref.env}`} is empty or not set`, {
      meaning: 'the registry cannot be logged in to',
      remedy: ref.file !== undefined ? 'write the secret into that file' : 'set that environment variable for the bridge',
    });
  }
  return text;
}

async function readSecretFile(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > MOST_SECRET_BYTES) throw new Error(`larger than ${MOST_SECRET_BYTES} bytes`);
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new IsthmusError(
      'config.invalid',
      `secret file ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        meaning: 'the registry cannot be logged in to',
        remedy: 'create it, readable for the user that runs the bridge only (mode 0600)',
        cause,
      },
    );
  }
}
