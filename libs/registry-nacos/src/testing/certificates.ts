import { execFileSync } from 'node:child_process';

/** Node makes keys but no certificates, hence `openssl`. */
function openssl(directory: string, ...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'] as const;
const VALID = ['-days', '2'] as const;

/** An authority, `NAME.pem` and `NAME.key`. */
export function makeAuthority(directory: string, name: string): void {
  openssl(directory, 'req', '-x509', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`, ...VALID);
}

/**
 * A certificate that the authority `ca` has signed, `NAME.pem` and `NAME.key`.
 * @param names such as `DNS:nacos.example,IP:127.0.0.1`
 */
export function makeCertificate(directory: string, name: string, names: string): void {
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`];
  openssl(directory, 'req', ...KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject);
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy', ...VALID];
  openssl(directory, 'x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`);
}
