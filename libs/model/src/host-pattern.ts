// A host of Istio's configuration: a DNS name, `*.shop.example`, or `*`. Both functions are Istio's `host.Name`.

export function isWildcardHost(host: string): boolean {
  return host.startsWith('*');
}

/** Whether one of the two covers the other: `*.com` matches `shop.com`, `shop.com` matches `*.com`, `*.shop.com` does not match `shop.com`. */
export function hostMatches(a: string, b: string): boolean {
  if (!isWildcardHost(a)) return isWildcardHost(b) ? a.endsWith(b.slice(1)) : a === b;
  if (!isWildcardHost(b)) return b.endsWith(a.slice(1));
  return a.length < b.length ? b.slice(1).endsWith(a.slice(1)) : a.slice(1).endsWith(b.slice(1));
}

/** Whether `whole` covers `part`: every name that `part` means is one that `whole` means. */
export function hostWithin(part: string, whole: string): boolean {
  if (!isWildcardHost(whole)) return part === whole;
  if (!isWildcardHost(part)) return part.endsWith(whole.slice(1));
  return part.length >= whole.length && part.slice(1).endsWith(whole.slice(1));
}
