import { expect, test } from '@jest/globals';
import type { MeshHost } from '@isthmus/model';
import { CLUSTER_TYPE, ENDPOINT_TYPE } from '@isthmus/translate';
import { GroupResources } from './group-resources.ts';

const host = 'orders.shop' as MeshHost;
const made = (...names: readonly string[]) => names.map((name) => ({ name, version: '1', bytes: new Uint8Array() }));
const taken = (resources: GroupResources) =>
  resources.takeChanges().map(({ name, resource }) => `${resource === undefined ? '-' : '+'}${name}`);

test('what a host has no more goes with the next routes, unless it comes back before they are composed or while they are', () => {
  const resources = new GroupResources();
  resources.replace(CLUSTER_TYPE, host, made('a', 'b', 'c'));
  expect([taken(resources), resources.hasLeft]).toEqual([['+a', '+b', '+c'], false]);

  resources.replace(CLUSTER_TYPE, host, made('a'));
  expect([taken(resources), resources.hasLeft]).toEqual([['+a'], true]);
  resources.replace(CLUSTER_TYPE, host, made('a', 'b'));
  resources.startLeaving();
  expect(resources.hasLeft).toBe(false);
  resources.replace(CLUSTER_TYPE, host, made('a', 'b', 'c'));
  resources.endLeaving();
  expect(taken(resources)).toEqual(['+a', '+b', '+a', '+b', '+c']);

  resources.replace(CLUSTER_TYPE, host, []);
  resources.startLeaving();
  resources.endLeaving();
  expect([taken(resources), resources.has(host)]).toEqual([['-a', '-b', '-c'], false]);
});

test('a host is known while it has clusters or endpoints, and changes are taken in the order in which they came', () => {
  const resources = new GroupResources();
  resources.replace(ENDPOINT_TYPE, host, made('e'));
  resources.replace(CLUSTER_TYPE, host, made('a', 'b'));
  resources.replace(CLUSTER_TYPE, host, []);
  expect([resources.has(host), [...resources.hosts()], resources.waiting]).toEqual([true, [host], 3]);
  expect(resources.takeChanges(2).map(({ name }) => name)).toEqual(['e', 'a']);
  expect([taken(resources), resources.waiting]).toEqual([['+b'], 0]);
});
