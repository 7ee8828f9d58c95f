import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RouteAssembly, assembleRoute } from './route-assembly.ts';
import { encodedHost, routeVirtualHost } from './route-virtual-host.ts';
import type { EncodedVirtualHost } from '../virtual-hosts.ts';
import type { RouteVirtualHost } from './route-virtual-host.ts';

const TAIL = Uint8Array.of(1, 2, 3);
const NAMES = ['a', 'b', 'c', 'd'];
const DOMAINS = ['a', 'b', 'c.x', 'd.x', 'short', 'other'];

interface Sketch {
  readonly name: string;
  readonly domains: readonly string[];
  readonly expanded: readonly string[];
  readonly known: readonly string[];
}

const sketch: fc.Arbitrary<Sketch> = fc.record({
  name: fc.constantFrom(...NAMES),
  domains: fc.uniqueArray(fc.constantFrom(...DOMAINS), { minLength: 1, maxLength: 4 }),
  expanded: fc.subarray(DOMAINS, { maxLength: 3 }),
  known: fc.subarray(DOMAINS, { maxLength: 2 }),
});
const units = fc.dictionary(fc.constantFrom('u', 'v', 'w', 'x', 'y'), fc.array(sketch, { maxLength: 3 }));

describe('a route made of units', () => {
  test('is what istiod makes of all of them at once, whatever order they come in', () => {
    fc.assert(
      fc.property(units, fc.infiniteStream(fc.nat()), (all, random) => {
        const expected = inOneGo(hostsOf(all)).map(summary);
        const assembly = new RouteAssembly('80');
        for (const [unit, list] of shuffled(Object.entries(all), random)) assembly.set(unit, hosts(unit, list));
        expect(assembly.virtualHosts().map(summary)).toEqual(expected);
        expect(assembly.compose(TAIL)).toEqual(assembleRoute('80', hostsOf(all), TAIL));
      }),
    );
  });

  test('after any changes is what it would be from nothing', () => {
    fc.assert(
      fc.property(fc.array(units, { minLength: 1, maxLength: 5 }), (states) => {
        const assembly = new RouteAssembly('80');
        for (const state of states) {
          for (const unit of ['u', 'v', 'w', 'x', 'y']) {
            const before = assembly.compose(TAIL).version;
            const changed = assembly.set(unit, hosts(unit, state[unit] ?? []));
            expect(assembly.compose(TAIL).version !== before).toBe(changed);
          }
          expect(assembly.virtualHosts().map(summary)).toEqual(inOneGo(hostsOf(state)).map(summary));
        }
      }),
    );
  });

  test('encodes a virtual host again only where a domain of it is another’s', () => {
    const assembly = new RouteAssembly('80');
    const [first] = hosts('u', [{ name: 'a', domains: ['a', 'short'], expanded: ['short'], known: ['a'] }]);
    assembly.set('u', [first as RouteVirtualHost]);
    const [alone] = assembly.virtualHosts();
    assembly.set('v', hosts('v', [{ name: 'b', domains: ['b'], expanded: [], known: [] }]));
    expect(assembly.virtualHosts()[0]).toBe(alone);
    assembly.set('w', hosts('w', [{ name: 'c', domains: ['short'], expanded: [], known: ['short'] }]));
    expect(assembly.virtualHosts()[0]).toEqual(encodedHost(first as RouteVirtualHost, ['a']));
    expect(assembly.virtualHosts()[0]?.parts.at(-1)).toBe(first?.body);
    expect(assembly.delete('w')).toBe(true);
    expect(assembly.virtualHosts()[0]).toEqual(alone);
  });
});

/** istiod's `BuildSidecarOutboundVirtualHosts`: one after the other in order, the first has the name and the domain. */
function inOneGo(all: readonly RouteVirtualHost[]): readonly EncodedVirtualHost[] {
  const known = new Set(all.flatMap((host) => host.known));
  const names = new Set<string>();
  const taken = new Set<string>();
  const made: EncodedVirtualHost[] = [];
  for (const host of all.toSorted((a, b) => (a.order < b.order ? -1 : 1))) {
    if (names.has(host.name)) continue;
    names.add(host.name);
    const domains = host.domains.filter((domain) => {
      if (taken.has(domain)) return false;
      if (host.expanded.includes(domain) && known.has(domain)) return false;
      taken.add(domain);
      return true;
    });
    if (domains.length > 0) made.push(encodedHost(host, domains));
  }
  return made.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function summary({ name, version, parts }: EncodedVirtualHost): unknown {
  return { name, version, bytes: Buffer.concat(parts).toString('hex') };
}

function hostsOf(all: Readonly<Record<string, readonly Sketch[]>>): readonly RouteVirtualHost[] {
  return Object.entries(all).flatMap(([unit, list]) => hosts(unit, list));
}

function hosts(unit: string, sketches: readonly Sketch[]): readonly RouteVirtualHost[] {
  return sketches.map(({ name, domains, expanded, known }, index) =>
    routeVirtualHost({
      route: '80',
      name,
      domains: { all: domains, expanded },
      known,
      order: `${unit}${index}`,
      body: new TextEncoder().encode(`${unit}${index}`),
    }),
  );
}

function shuffled<T>(list: readonly T[], random: Iterator<number>): readonly T[] {
  const keyed = list.map((item) => [Number(random.next().value), item] as const);
  return keyed.sort(([a], [b]) => a - b).map(([, item]) => item);
}
