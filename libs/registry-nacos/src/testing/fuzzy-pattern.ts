import type { FakeServiceName, FakeStore } from './fake-store.ts';

/** What a fuzzy watch names: `namespace>>group`, the group `*` for all. */
export function isWatched(pattern: string, service: FakeServiceName): boolean {
  const [namespace, group] = pattern.split('>>');
  return namespace === service.namespace && (group === '*' || group === service.group);
}

export function keyOf(service: FakeServiceName): string {
  return `${service.namespace}@@${service.group}@@${service.name}`;
}

/** The services of a pattern that a client has not received yet, as they are told. */
export function missedServices(store: FakeStore, pattern: string, received: ReadonlySet<string>) {
  const [namespace = '', group = ''] = pattern.split('>>');
  return store
    .services(namespace, group === '*' ? undefined : group)
    .map(keyOf)
    .filter((key) => !received.has(key))
    .map((serviceKey) => ({ serviceKey, changedType: 'ADD_SERVICE' }));
}
