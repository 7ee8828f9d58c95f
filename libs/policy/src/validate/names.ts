import { isIP } from 'node:net';
import type { Spot } from './spot.ts';

const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const WILDCARD_LABEL = /^(?:\*|(?:\*-?)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)$/;
const TAG_KEY =
  /^([a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*\/)?((?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/;
const TAG_VALUE = /^(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const MOST_LABEL = 63;
const MOST_DOMAIN = 255;
const MOST_PREFIX = 253;

/** A label of DNS as Istio takes it: RFC 1123, capitals too. */
export function isLabel(text: string): boolean {
  return text.length <= MOST_LABEL && LABEL.test(text);
}

/** What is wrong with a host name; undefined: nothing. A dot at the end is allowed. */
export function hostProblem(host: string): string | undefined {
  return lengthProblem(host) ?? labelsProblem(host);
}

/** The same, where the first label may be or begin with `*`. */
export function wildcardHostProblem(host: string): string | undefined {
  const tooLong = lengthProblem(host);
  if (tooLong !== undefined) return tooLong;
  const dot = host.indexOf('.');
  const first = dot < 0 ? host : host.slice(0, dot);
  if (first.length > MOST_LABEL || !WILDCARD_LABEL.test(first))
    return `has the label ${JSON.stringify(first)}, which is none of DNS`;
  return dot < 0 ? undefined : labelsProblem(host.slice(dot + 1));
}

function lengthProblem(host: string): string | undefined {
  if (host === '') return 'is empty';
  return Buffer.byteLength(host) > MOST_DOMAIN ? `is longer than ${MOST_DOMAIN} characters` : undefined;
}

function labelsProblem(host: string): string | undefined {
  const labels = host.split('.');
  const last = labels.at(-1) ?? '';
  if (/^[+-]?\d+$/.test(last)) return `ends in ${JSON.stringify(last)}, and a top-level domain is no number`;
  const bad = labels.findIndex((label, i) => !isLabel(label) && !(label === '' && i === labels.length - 1));
  return bad < 0 ? undefined : `has the label ${JSON.stringify(labels[bad])}, which is none of DNS`;
}

export const HOST_REMEDY = 'use labels of letters, digits and dashes, such as orders.shop.svc.cluster.local';

export function checkHost(host: string, at: Spot): void {
  const problem = hostProblem(host);
  if (problem !== undefined) at.error(`is ${JSON.stringify(host)}, which ${problem}`, HOST_REMEDY);
}

export function checkWildcardHost(host: string, at: Spot): void {
  const problem = wildcardHostProblem(host);
  if (problem !== undefined) at.error(`is ${JSON.stringify(host)}, which ${problem}`, HOST_REMEDY);
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** Whether all that the narrow one names is named by the wide one too. */
export function isSubsetOf(narrow: string, wide: string): boolean {
  if (!isWildcard(wide)) return narrow === wide;
  if (!isWildcard(narrow)) return narrow.endsWith(wide.slice(1));
  return narrow.length >= wide.length && narrow.slice(1).endsWith(wide.slice(1));
}

export function hostsOverlap(a: string, b: string): boolean {
  return isSubsetOf(a, b) || isSubsetOf(b, a);
}

export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

export function checkAddress(text: string, at: Spot): void {
  if (!isAddress(text))
    at.error(`is ${JSON.stringify(text)}, which is no IP address`, 'write an address such as 10.0.0.1 or 2001:db8::1');
}

/** An address, or a range of them. */
export function checkSubnet(text: string, at: Spot): void {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (bits === '' && rest.length === 0 && !text.includes('/')) return checkAddress(text, at);
  const family = address.includes('%') ? 0 : isIP(address);
  const isRange =
    family !== 0 && rest.length === 0 && /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
  if (!isRange) at.error(`is ${JSON.stringify(text)}, which is no range of addresses`, 'write ADDRESS/BITS, such as 10.0.0.0/8');
}

export function checkPort(port: number, at: Spot): void {
  if (port < 1 || port > 65_535) at.error(`is ${port}`, 'use a port between 1 and 65535');
}

export function checkPortName(name: string, at: Spot): void {
  if (!isLabel(name)) at.error(`is ${JSON.stringify(name)}`, 'use letters, digits and dashes, such as http-web');
}

const PROTOCOLS = ['tcp', 'udp', 'grpc', 'grpc-web', 'http', 'http_proxy', 'http2', 'https', 'tls', 'mongo', 'redis', 'mysql'];
const HTTP = ['http', 'http2', 'http_proxy', 'grpc', 'grpc-web'];
const TLS = ['https', 'tls'];
const TCP = ['tcp', 'https', 'tls', 'mongo', 'redis', 'mysql'];
export const isHttp = (protocol: string): boolean => HTTP.includes(protocol.toLowerCase());
export const isTls = (protocol: string): boolean => TLS.includes(protocol.toLowerCase());
export const isTcp = (protocol: string): boolean => TCP.includes(protocol.toLowerCase());
export const isProtocol = (protocol: string): boolean => PROTOCOLS.includes(protocol.toLowerCase());

/** Empty: to be found out. */
export function checkProtocol(protocol: string, at: Spot): void {
  if (protocol !== '' && !isProtocol(protocol))
    at.error(
      `is ${JSON.stringify(protocol)}, which the mesh does not know`,
      `use one of ${PROTOCOLS.map((p) => p.toUpperCase()).join(', ')}`,
    );
}

export function checkLabels(labels: Readonly<Record<string, string>>, at: Spot): void {
  for (const [key, value] of Object.entries(labels)) {
    const [, prefix = '', name = ''] = TAG_KEY.exec(key) ?? [];
    if (name === '' || prefix.length - 1 > MOST_PREFIX || name.length > MOST_LABEL)
      at.at(key).error(
        `is labelled ${JSON.stringify(key)}, which is no name of a label`,
        'use letters, digits, dashes, dots and underscores',
      );
    if (!TAG_VALUE.test(value))
      at.at(key).error(`is ${JSON.stringify(value)}`, 'use letters, digits, dashes, dots and underscores');
  }
}

export interface Duration {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** At least a millisecond, in whole ones. */
export function checkDuration(duration: Duration | undefined, at: Spot): void {
  if (duration === undefined) return;
  const nanos = duration.seconds * 1_000_000_000n + BigInt(duration.nanos);
  if (nanos < 1_000_000n) at.error('is shorter than 1ms', 'use 1ms at least');
  else if (nanos % 1_000_000n !== 0n) at.error('is not a whole number of milliseconds', 'round it to milliseconds');
}

export const UNIX = 'unix://';

/** @param path what follows `unix://` */
export function checkSocket(path: string, at: Spot): void {
  if (path === '') at.error('names no socket', 'write unix:///path/to/socket or unix://@abstract');
  else if (!path.startsWith('@') && (!path.startsWith('/') || path.endsWith('/')))
    at.error(
      `is ${JSON.stringify(path)}, which is no absolute path of a file`,
      'write unix:///path/to/socket or unix://@abstract',
    );
}

export function checkNotNegative(value: number, at: Spot): void {
  if (value < 0) at.error(`is ${value}`, 'use 0 or more');
}

export function checkPercent(value: number, at: Spot): void {
  if (value < 0 || value > 100) at.error(`is ${value}`, 'use 0 to 100');
}
