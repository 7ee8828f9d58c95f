import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes need this bearer token even on loopback: any local user and any web page can reach the port. */
export class AdminTokens {
  readonly #digests: readonly Buffer[];

  private constructor(tokens: readonly string[]) {
    this.#digests = tokens.map(digest);
  }

  /**
   * Reads the admin token, making it (mode 0600) at the first start, and the further tokens of `tokensFile`, one a line.
   */
  static async open(adminFile: string, tokensFile: string | undefined): Promise<AdminTokens> {
    const own = await readOrMake(adminFile);
    const more =
      tokensFile === undefined ? [] : (await readFile(tokensFile, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
    return new AdminTokens([own, ...more.map((line) => line.trim())]);
  }

  /** Compares in constant time. */
  allows(authorization: string | undefined): boolean {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return false;
    const given = digest(token);
    return this.#digests.some((known) => timingSafeEqual(known, given));
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

async function readOrMake(file: string): Promise<string> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token !== '') {
      await chmod(file, 0o600);
      return token;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const token = randomBytes(32).toString('base64url');
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  return token;
}
