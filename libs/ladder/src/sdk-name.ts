/**
 * Whether what a process calls its registration is what the registry calls it: `KIND/NAMESPACE/GROUP/NAME` both. A process may not know its
 * namespace (Consul's datacenter): then it is left empty there. Names may have a `/` in them.
 */
export function isSameSdkName(said: string, registered: string): boolean {
  if (said === registered) return true;
  const [a, b] = [partsOf(said), partsOf(registered)];
  return a.kind === b.kind && a.namespace === '' && a.rest === b.rest;
}

function partsOf(name: string): { readonly kind: string; readonly namespace: string; readonly rest: string } {
  const first = name.indexOf('/');
  const second = name.indexOf('/', first + 1);
  return { kind: name.slice(0, first), namespace: name.slice(first + 1, second), rest: name.slice(second) };
}
