import { durationJson } from '../load/duration-json.ts';

interface Broken {
  readonly what: string;
  readonly remedy: string;
}

type Rule = (value: unknown) => Broken | undefined;

/** The rules of Istio's CRDs, which are written in CEL, by their text. `crd-rules.test.ts`: none is missing. */
export const CRD_RULES: Readonly<Record<string, Rule>> = {
  "duration(self) >= duration('1ms')": (value) =>
    isAMillisecond(value)
      ? undefined
      : { what: `is ${JSON.stringify(value)}, not a time of at least 1ms`, remedy: 'use 1ms or more' },
  '!self.contains("*")': (value) =>
    text(value).includes('*') ? { what: 'has a wildcard', remedy: 'name the whole label' } : undefined,
  'self.all(key, !key.contains("*"))': (value) =>
    keys(value).some((key) => key.includes('*'))
      ? { what: 'has a wildcard in a name', remedy: 'name the whole label' }
      : undefined,
  'self.all(key, key.size() != 0)': (value) =>
    keys(value).includes('') ? { what: 'has an empty name', remedy: 'name the label' } : undefined,
  '(has(self.tlsCertificates) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1': (value) =>
    notBoth(value, 'tlsCertificates', 'credentialNames'),
  '(has(self.credentialName) ? 1 : 0) + (has(self.credentialNames) ? 1 : 0) <= 1': (value) =>
    notBoth(value, 'credentialName', 'credentialNames'),
  '(has(self.credentialNames) ? 1 : 0) + (has(self.tlsCertificates) ? 1 : 0) <= 1': (value) =>
    notBoth(value, 'credentialNames', 'tlsCertificates'),
  'self.startsWith("unix://") ? (self.substring(7, 8) == "/" || self.substring(7, 8) == "@") : true': (value) =>
    text(value).startsWith('unix://') && !/^unix:\/\/[/@]/.test(text(value)) ? SOCKET : undefined,
  'self.startsWith("unix://") ? !self.endsWith("/") : true': (value) =>
    text(value).startsWith('unix://') && text(value).endsWith('/') ? SOCKET : undefined,
  '0 < self && self <= 65535': (value) =>
    Number(value) > 0 && Number(value) <= 65_535
      ? undefined
      : { what: `is ${String(value)}`, remedy: 'use a port between 1 and 65535' },
  'self.all(key, size(key) < 63 && key.matches("^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$"))': (value) =>
    keys(value).every((key) => key.length < 63 && /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(key))
      ? undefined
      : { what: 'has a name that no port can have', remedy: 'use letters, digits and dashes, 62 at most' },
  'has(self.address) || has(self.network)': (value) =>
    has(value, 'address') || has(value, 'network') ? undefined : { what: 'has no address', remedy: 'add it' },
  '(has(self.address) ? self.address : "").startsWith("unix://") ? !has(self.ports) : true': (value) =>
    text(field(value, 'address')).startsWith('unix://') && has(value, 'ports')
      ? { what: 'has ports, and a Unix socket has none', remedy: 'take them out' }
      : undefined,
  'self != "*"': (value) => (value === '*' ? { what: 'is "*"', remedy: 'name a host, or *.example.com' } : undefined),
  'self.all(l1, self.exists_one(l2, l1.number == l2.number))': (value) => {
    const numbers = list(value).map((port) => field(port, 'number'));
    return new Set(numbers).size === numbers.length ? undefined : { what: 'has a number twice', remedy: 'use each port once' };
  },
  '(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1': (value) =>
    notBoth(value, 'workloadSelector', 'endpoints'),
  '!((has(self.addresses) ? self.addresses : []).exists(k, k.contains("/")) && !((has(self.resolution) ? self.resolution : "NONE") in ["STATIC", "NONE"]))':
    (value) =>
      list(field(value, 'addresses')).some((address) => text(address).includes('/')) &&
      !['STATIC', 'NONE'].includes(resolution(value))
        ? { what: 'has ranges of addresses, which only resolution NONE and STATIC can have', remedy: 'write single addresses' }
        : undefined,
  '((has(self.resolution) ? self.resolution : "NONE") == "NONE") ? !has(self.endpoints) : true': (value) =>
    resolution(value) === 'NONE' && has(value, 'endpoints')
      ? { what: 'has endpoints, and resolution NONE has none', remedy: 'use STATIC or DNS' }
      : undefined,
  '((has(self.resolution) ? self.resolution : "") == "DNS_ROUND_ROBIN") ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true':
    (value) =>
      resolution(value) === 'DNS_ROUND_ROBIN' && list(field(value, 'endpoints')).length > 1
        ? { what: 'has several endpoints, and DNS_ROUND_ROBIN has one', remedy: 'use DNS' }
        : undefined,
  'self in ["", "HTTP", "HTTPS"]': (value) =>
    ['', 'HTTP', 'HTTPS'].includes(text(value))
      ? undefined
      : { what: `is ${JSON.stringify(value)}`, remedy: 'use HTTP or HTTPS' },
};

/** A rule that is not in the table holds: the test of this file finds it. */
export function crdRule(cel: string): Rule {
  return CRD_RULES[cel] ?? (() => undefined);
}

const SOCKET: Broken = { what: 'is no absolute path of a socket', remedy: 'write unix:///path/to/socket or unix://@abstract' };

function isAMillisecond(value: unknown): boolean {
  const [, minus, seconds = '', nanos = ''] = /^(-?)(\d+)(?:\.(\d+))?s$/.exec(durationJson(text(value)) ?? '') ?? [];
  return minus === '' && (seconds !== '0' || Number(nanos.padEnd(9, '0')) >= 1_000_000);
}

function notBoth(value: unknown, a: string, b: string): Broken | undefined {
  return has(value, a) && has(value, b) ? { what: `has both ${a} and ${b}`, remedy: 'keep one of the two' } : undefined;
}

function resolution(value: unknown): string {
  return has(value, 'resolution') ? text(field(value, 'resolution')) : 'NONE';
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function keys(value: unknown): readonly string[] {
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function has(value: unknown, name: string): boolean {
  const found = field(value, name);
  return found !== undefined && found !== null;
}
