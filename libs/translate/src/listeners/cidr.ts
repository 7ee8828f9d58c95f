import { isIPv4 } from 'node:net';
import type { Cidr } from '@isthmus/model';

/** The same for every text that means the same addresses: `10.1.2.3/8` and `10.0.0.0/8`. */
export function cidrKey({ addressPrefix, prefixLen }: Cidr): string {
  const bytes = isIPv4(addressPrefix) ? v4(addressPrefix) : v6(addressPrefix);
  const masked = bytes.map((byte, n) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLen - n * 8))) & 0xff);
  return `${masked.join('.')}/${prefixLen}`;
}

function v4(address: string): readonly number[] {
  return address.split('.').map(Number);
}

function v6(address: string): readonly number[] {
  // The URL parser writes every IPv6 address in one form: lower case, no embedded IPv4, one `::` at most.
  const canonical = new URL(`http://[${address.split('%')[0]}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const [left, right] = [words(head), words(tail ?? '')];
  const all = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
  return all.flatMap((word) => [word >> 8, word & 0xff]);
}
