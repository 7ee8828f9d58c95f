import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { resourceParts, resourceSize } from '@isthmus/model';
import type { Resource } from '@isthmus/model';
import { composeRoute } from './route.ts';
import { contentVersion } from './resource.ts';
import type { EncodedVirtualHost } from './virtual-hosts.ts';

const KIB = 1024;

function host(n: number, bytes: number, fill = n): EncodedVirtualHost {
  const name = `h${String(n).padStart(5, '0')}.mesh:80`;
  const parts = [Uint8Array.of(n & 255, fill & 255), new Uint8Array(bytes).fill(fill)];
  return { route: '80', name, version: contentVersion(`${name} ${bytes} ${fill}`), parts };
}

const joined = (resource: Resource): Buffer => Buffer.concat(resourceParts(resource));

test('a route is the same bytes whether they are in pieces or not, and in the same version', () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 40 * KIB }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lengths, fc.array(fc.nat(39), { maxLength: 5 }), (sizes, changed) => {
      const before = sizes.map((bytes, n) => host(n, bytes));
      composeRoute('80', before); // pieces of it may be taken for the next
      const after = before.map((each, n) => (changed.includes(n) ? host(n, sizes[n] ?? 0, 200 + n) : each));
      const route = composeRoute('80', after);
      expect(resourceSize(route)).toBe(route.bytes.length);
      expect(joined(route).equals(route.bytes)).toBe(true);
      const rest = Buffer.concat(after.flatMap(({ parts }) => parts));
      expect(route.bytes.length).toBe(composeRoute('80', []).bytes.length + rest.length);
      expect(Buffer.from(route.bytes).indexOf(rest)).toBe(composeRoute('80', []).bytes.indexOf('8'.charCodeAt(0)) + 2);
    }),
    { numRuns: 30 },
  );
});

test('of megabytes of routes one changed virtual host makes one piece anew, wherever it is', () => {
  const hosts = Array.from({ length: 1_000 }, (_, n) => host(n, 3_500));
  const before = composeRoute('80', hosts);
  expect(before.parts?.length).toBeGreaterThan(20);
  const known = new Set(before.parts);
  for (const at of [0, 500, 999]) {
    const route = composeRoute(
      '80',
      hosts.map((each, n) => (n === at ? host(n, 9_000, 7) : each)),
    );
    // In front of the virtual hosts and behind them there are a few bytes.
    const anew = (route.parts ?? []).filter((part) => !known.has(part) && part.length > KIB);
    expect(anew).toHaveLength(1);
    expect(anew[0]?.length).toBeLessThan(256 * KIB);
  }
});

test('two routes with the same virtual hosts have the same pieces, and hundreds of routes of one rule are not copied at all', () => {
  const hosts = Array.from({ length: 200 }, (_, n) => host(n, n === 100 ? 500 * KIB : 3_500));
  const [one, other] = [composeRoute('80', hosts), composeRoute('8080', hosts)];
  const known = new Set(one.parts);
  expect((other.parts ?? []).filter((part) => part.length > KIB).every((part) => known.has(part))).toBe(true);
  expect(known.has(hosts[100]?.parts[1] as Uint8Array)).toBe(true);
});
