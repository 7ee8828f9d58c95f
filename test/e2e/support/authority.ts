import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

export interface IssuedFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority in a directory, good for a day: Node makes keys but no certificates, hence `openssl`. */
export class Authority {
  readonly #dir: string;
  readonly #name: string;

  private constructor(dir: string, name: string) {
    this.#dir = dir;
    this.#name = name;
  }

  static async make(dir: string, name: string): Promise<Authority> {
    const authority = new Authority(dir, name);
    const { certFile, keyFile } = authority.#filesOf(name);
    const are = ['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign'];
    await run('openssl', ['req', '-x509', ...KEY, '-keyout', keyFile, '-out', certFile, ...are, '-days', '1']);
    return authority;
  }

  /** What its certificates are checked with. */
  get certFile(): string {
    return this.#filesOf(this.#name).certFile;
  }

  /** @param names as `subjectAltName` has them: `DNS:localhost, IP:127.0.0.1` */
  async issue(name: string, names: string): Promise<IssuedFiles> {
    const issued = this.#filesOf(`${this.#name}-${name}`);
    const request = `${issued.certFile}.csr`;
    const extensions = `${issued.certFile}.ext`;
    await writeFile(extensions, `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
    await run('openssl', ['req', '-new', ...KEY, '-keyout', issued.keyFile, '-out', request, '-subj', `/CN=${name}`]);
    const { certFile, keyFile } = this.#filesOf(this.#name);
    const by = ['-CA', certFile, '-CAkey', keyFile, '-CAcreateserial', '-days', '1'];
    await run('openssl', ['x509', '-req', '-in', request, '-out', issued.certFile, '-extfile', extensions, ...by]);
    return issued;
  }

  #filesOf(name: string): IssuedFiles {
    return { certFile: join(this.#dir, `${name}.crt`), keyFile: join(this.#dir, `${name}.key`) };
  }
}
