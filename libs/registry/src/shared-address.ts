import type { Diagnostic, Endpoint } from '@isthmus/model';

/** A service with thousands of bad instances says so once, with the count. */
const MOST_DIAGNOSTICS = 50;
/** Instances of one address that a message names. */
const MOST_NAMED = 5;

/** Two entries of one address are one process; the one that takes traffic wins, then the smaller id (order must not show). */
export function preferred(a: Endpoint, b: Endpoint): Endpoint {
  if ((a.health === 'healthy') !== (b.health === 'healthy')) return a.health === 'healthy' ? a : b;
  return a.instanceId <= b.instanceId ? a : b;
}

/** One for an address, however many share it, so that the order of the list does not show. */
export function duplicate(where: string, endpoints: readonly Endpoint[]): Diagnostic {
  const ids = endpoints.map(({ instanceId }) => instanceId).sort();
  const [first] = endpoints;
  const named =
    ids.length <= MOST_NAMED ? ids.slice(0, -1) : [...ids.slice(0, MOST_NAMED - 1), `${ids.length - MOST_NAMED} others`];
  return {
    code: 'endpoint.duplicate',
    severity: 'warning',
    where,
    what: `instances ${named.join(', ')} and ${ids.at(-1)} share the address ${first?.address}:${first?.port}`,
    meaning: 'they count as one endpoint',
    remedy: 'deregister what is left over from an earlier run',
  };
}

/** The first of them, in an order that does not depend on that of the instances. */
export function bounded(where: string, diagnostics: Diagnostic[]): readonly Diagnostic[] {
  const sorted = diagnostics.sort((a, b) => compare(`${a.where} ${a.code} ${a.what}`, `${b.where} ${b.code} ${b.what}`));
  if (sorted.length <= MOST_DIAGNOSTICS) return sorted;
  const rest = sorted.length - MOST_DIAGNOSTICS;
  return [
    ...sorted.slice(0, MOST_DIAGNOSTICS),
    {
      code: 'service.too-large',
      severity: 'warning',
      where,
      what: `${rest} more problems in this service`,
      meaning: 'only the first ones are listed',
      remedy: 'mend those first',
    },
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
