import type { EurekaInstance } from './eureka-client.ts';
import { fieldsOf, listOf } from './values.ts';

type Instances = readonly EurekaInstance[];

/** The instances of each application that a delta has, in capitals as the client's cache. A single one is no list in Eureka's JSON. */
export function changesOf(delta: unknown): ReadonlyMap<string, Instances> {
  const changes = new Map<string, EurekaInstance[]>();
  for (const application of Array.isArray(delta) ? delta : [delta]) {
    const { instance } = fieldsOf(application);
    for (const one of (Array.isArray(instance) ? instance : [instance]) as readonly (EurekaInstance | undefined)[]) {
      const app = one?.app?.toUpperCase();
      if (one === undefined || app === undefined) continue;
      const list = changes.get(app) ?? [];
      changes.set(app, list);
      list.push(one);
    }
  }
  return changes;
}

/** What the cache of an application should be after its changes. @param onlyUp as `filterUpInstances` asks */
export function applied(before: Instances, changes: Instances, onlyUp: boolean): Instances {
  const places = new Map(before.map((instance) => [placeOf(instance), instance]));
  for (const change of changes) {
    const place = placeOf(change);
    if (change.actionType === 'DELETED' || (onlyUp && change.status !== 'UP')) places.delete(place);
    else places.set(place, change);
  }
  return [...places.values()];
}

/** How a cache differs from what it should be: `another` has the wrong instances, `down` has ones that are not up. */
export function differenceOf(expected: Instances, actual: Instances, onlyUp: boolean): 'none' | 'another' | 'down' {
  const wanted = new Set(expected.map(placeOf));
  const found = new Set(actual.map(placeOf));
  const surplus = actual.filter((instance) => !wanted.has(placeOf(instance)));
  const isComplete = expected.every((instance) => found.has(placeOf(instance))) && found.size === actual.length;
  if (surplus.length === 0 && isComplete) return 'none';
  return isComplete && onlyUp && surplus.every(({ status, actionType }) => status !== 'UP' && actionType !== 'DELETED')
    ? 'down'
    : 'another';
}

/** `UP_3_DOWN_1_` → how many instances there are, or how many are up. */
export function countOf(hash: string, onlyUp: boolean): number {
  let count = 0;
  for (const [, status = '', number = ''] of hash.matchAll(/([A-Z]+(?:_OF_SERVICE)?)_(\d+)_/g))
    if (!onlyUp || status === 'UP') count += Number(number);
  return count;
}

/** The client's own idea of what makes two instances the same. */
function placeOf(instance: EurekaInstance): string {
  return `${instance.hostName ?? ''}:${String(fieldsOf(instance.port)['$'])}`;
}

export function instancesOf(cache: unknown, app: string): Instances {
  return listOf(fieldsOf(fieldsOf(cache)['app'])[app]) as Instances;
}
