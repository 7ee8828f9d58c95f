import { isIP } from 'node:net';

/**
 * The host that a DestinationRule means, lower case as mesh hosts are: a name without a dot belongs to the rule's own
 * namespace; `*`, IP literals and anything with a dot stand for themselves.
 */
export function ruleHost(host: string, namespace: string, domain: string): string {
  const text = host.toLowerCase();
  if (text === '*' || text.includes('.') || isIP(text) !== 0) return text;
  return `${text}.${namespace}.svc.${domain}`;
}

/** Whether a rule for `pattern` (a host or `*` and the rest of one) applies to the host, itself possibly a wildcard. */
export function coversHost(pattern: string, host: string): boolean {
  if (pattern === host) return true;
  if (!pattern.startsWith('*')) return false;
  return (host.startsWith('*') ? host.slice(1) : host).endsWith(pattern.slice(1));
}

/** The longer first, then by text: the order in which wildcards are tried. */
export function compareSpecificity(a: string, b: string): number {
  return b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}
