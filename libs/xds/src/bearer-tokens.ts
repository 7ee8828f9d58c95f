import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { IsthmusError, messageOf } from '@isthmus/model';

/**
 * The tokens that clients may show, one a line; empty lines and lines with `#` are skipped. Read again for every
 * stream, so that a token can be taken away or added without a restart.
 */
export class BearerTokens {
  readonly #file: string;
  #digests: readonly Buffer[] = [];

  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws IsthmusError `config.invalid` when the file cannot be read or has no token */
  static async open(file: string): Promise<BearerTokens> {
    const tokens = new BearerTokens(file);
    try {
      await tokens.#read();
    } catch (cause) {
      throw new IsthmusError('config.invalid', `tokens cannot be read: ${messageOf(cause)}`, {
        where: file,
        meaning: 'no client could connect',
        remedy: 'write one token a line into the file, readable for the bridge',
        cause,
      });
    }
    return tokens;
  }

  /** @param header value of `authorization`, e.g. `Bearer abc` */
  async allows(header: string | undefined): Promise<boolean> {
    const token = /^bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) return false;
    // While the file is being replaced, the tokens that we know go on to count.
    await this.#read().catch(() => undefined);
    const digest = sha256(token);
    return this.#digests.some((known) => timingSafeEqual(known, digest));
  }

  async #read(): Promise<void> {
    const lines = (await readFile(this.#file, 'utf8')).split('\n').map((line) => line.trim());
    const tokens = lines.filter((line) => line !== '' && !line.startsWith('#'));
    if (tokens.length === 0) throw new Error('there is no token in it');
    this.#digests = tokens.map(sha256);
  }
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
