import type { ViewEndpoint } from '@isthmus/contract';

/** What two views of a target say differently of one place, `address:port`. Symmetric but for its names. */
export interface ViewDifference {
  readonly at: string;
  /** `health`: both list it, one would call it and the other not. The last three: both would call it. */
  readonly kind: 'only-sdk' | 'only-mesh' | 'health' | 'weight' | 'zone' | 'protocol';
  /** What the SDK has, where it lists the place. */
  readonly sdk?: string;
  readonly mesh?: string;
}

export interface ViewComparison {
  /** Places that either side would call. */
  readonly union: number;
  /** Sorted by place; at most one a place, the gravest. What is not here matches. */
  readonly differences: readonly ViewDifference[];
}

/** Weights go through JSON and through registries that keep two decimals. */
const SAME_WEIGHT = 0.005;

/**
 * The SDK's view against the mesh's. Only who would be called counts: an instance that one lists as unhealthy or with weight 0 and
 * the other does not list is no difference, nobody calls it. What a side does not know (zone or protocol `''`) differs from nothing.
 */
export function compareViews(sdk: readonly ViewEndpoint[], mesh: readonly ViewEndpoint[]): ViewComparison {
  const mine = byPlace(sdk);
  const theirs = byPlace(mesh);
  const differences: ViewDifference[] = [];
  let union = 0;
  for (const at of new Set([...mine.keys(), ...theirs.keys()])) {
    const ours = mine.get(at);
    const other = theirs.get(at);
    if (!isCalled(ours) && !isCalled(other)) continue;
    union += 1;
    const difference = differenceAt(at, ours, other);
    if (difference !== undefined) differences.push(difference);
  }
  return { union, differences: differences.sort((a, b) => (a.at < b.at ? -1 : 1)) };
}

/** Matched ÷ union; 1 where neither side would call anybody. */
export function similarityOf({ matched, union }: { readonly matched: number; readonly union: number }): number {
  return union === 0 ? 1 : matched / union;
}

function differenceAt(at: string, sdk: ViewEndpoint | undefined, mesh: ViewEndpoint | undefined): ViewDifference | undefined {
  if (mesh === undefined) return sdk && { at, kind: 'only-sdk', sdk: described(sdk) };
  if (sdk === undefined) return { at, kind: 'only-mesh', mesh: described(mesh) };
  if (isCalled(sdk) !== isCalled(mesh)) return { at, kind: 'health', sdk: stateOf(sdk), mesh: stateOf(mesh) };
  if (Math.abs(sdk.weight - mesh.weight) > SAME_WEIGHT)
    return { at, kind: 'weight', sdk: String(sdk.weight), mesh: String(mesh.weight) };
  if (differs(sdk.protocol.toLowerCase(), mesh.protocol.toLowerCase()))
    return { at, kind: 'protocol', sdk: sdk.protocol, mesh: mesh.protocol };
  if (differs(sdk.zone, mesh.zone)) return { at, kind: 'zone', sdk: sdk.zone, mesh: mesh.zone };
  return undefined;
}

/** Two instances at one place are one process: the one that is called, then the heavier, is what the view says of it. */
function byPlace(view: readonly ViewEndpoint[]): ReadonlyMap<string, ViewEndpoint> {
  const places = new Map<string, ViewEndpoint>();
  for (const endpoint of view) {
    const at = placeOf(endpoint);
    const held = places.get(at);
    if (held === undefined || rankOf(endpoint) > rankOf(held)) places.set(at, endpoint);
  }
  return places;
}

/** A total order of what may be at one place, so that the order in a list decides nothing. */
function rankOf({ healthy, weight, zone, protocol }: ViewEndpoint): string {
  const called = healthy && weight > 0 ? 1 : 0;
  return `${called}|${weight.toFixed(6).padStart(16, '0')}|${healthy ? 1 : 0}|${zone}|${protocol}`;
}

export function placeOf({ address, port }: { readonly address: string; readonly port: number }): string {
  const host = address.toLowerCase().replace(/^\[|\]$/g, '');
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function isCalled(endpoint: ViewEndpoint | undefined): boolean {
  return endpoint !== undefined && endpoint.healthy && endpoint.weight > 0;
}

function stateOf({ healthy, weight }: ViewEndpoint): string {
  return !healthy ? 'unhealthy' : weight > 0 ? 'healthy' : 'weight 0';
}

function described(endpoint: ViewEndpoint): string {
  return `weight ${endpoint.weight}${endpoint.zone === '' ? '' : `, ${endpoint.zone}`}`;
}

function differs(a: string, b: string): boolean {
  return a !== '' && b !== '' && a !== b;
}
