import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';

/**
 * Authorities of a PEM file, read and parsed when the file is another one than before: hundreds of checks a second ask, and one
 * that was renewed counts at the next of them.
 */
export class TrustFile {
  readonly #path: string;
  #last: { readonly stamp: string; readonly context: Promise<SecureContext> } | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** The same object as long as the file is. @throws when it cannot be read, or parsed; then the next one tries again */
  async context(): Promise<SecureContext> {
    // A mounted secret is renewed by a link to another file (inode), a file of one's own in place (time, size).
    const { mtimeNs, ino, size } = await stat(this.#path, { bigint: true });
    const stamp = `${mtimeNs} ${ino} ${size}`;
    if (this.#last?.stamp !== stamp) this.#last = { stamp, context: this.#read() };
    const { context } = this.#last;
    try {
      return await context;
    } catch (thrown) {
      if (this.#last?.context === context) this.#last = undefined; // another check may have found the same
      throw thrown;
    }
  }

  async #read(): Promise<SecureContext> {
    return createSecureContext({ ca: await readFile(this.#path, 'utf8') });
  }
}
