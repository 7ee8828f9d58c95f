import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { IstioObject, VirtualServiceSchema } from '@isthmus/proto/istio';
import { virtualService } from './scope/testing/objects.ts';
import { VirtualServices } from './virtual-services.ts';

type Spec = MessageInitShape<typeof VirtualServiceSchema>;
type About = NonNullable<Parameters<typeof virtualService>[1]> & { readonly version?: string };

/** With a version of its own, as objects have that were loaded. */
function rule(name: string, spec: Spec, about: About = {}): IstioObject<'VirtualService'> {
  const made = virtualService(spec, { name, ...about });
  return {
    ...made,
    version:
      about.version ?? JSON.stringify([spec, about], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  };
}

function all(...rules: readonly IstioObject<'VirtualService'>[]): VirtualServices {
  const index = new VirtualServices('cluster.local');
  for (const each of rules) index.set(each);
  return index;
}

const to = (host: string) => [{ destination: { host } }];
const names = (rules: readonly IstioObject<'VirtualService'>[]): string[] => rules.map(({ name }) => name);

describe('names', () => {
  test('that are short are made long: hosts and destinations in the namespace of the rule, gateways too', () => {
    const index = all(
      rule('it', {
        hosts: ['Orders', '*', '10.0.0.1', 'shop.example', '*.shop.example'],
        gateways: ['mesh', 'edge', './own', 'other/edge', 'old.ns.svc.cluster.local'],
        http: [
          {
            match: [{ gateways: ['edge'] }],
            route: to('payments'),
            mirror: { host: 'shadow' },
            mirrors: [{ destination: { host: 'a.b' } }],
          },
        ],
        tcp: [{ match: [{ gateways: ['mesh'] }], route: to('db') }],
        tls: [{ match: [{ sniHosts: ['x'], gateways: ['edge'] }], route: to('tls') }],
      }),
    );
    const spec = index.merged('shop', 'it')?.spec;
    expect(spec?.hosts).toEqual(['orders.shop.svc.cluster.local', '*', '10.0.0.1', 'shop.example', '*.shop.example']);
    expect(spec?.gateways).toEqual(['mesh', 'shop/edge', 'shop/own', 'other/edge', 'ns/old']);
    expect(spec?.http[0]?.match[0]?.gateways).toEqual(['shop/edge']);
    expect(spec?.http[0]?.route[0]?.destination?.host).toBe('payments.shop.svc.cluster.local');
    expect(spec?.http[0]?.mirror?.host).toBe('shadow.shop.svc.cluster.local');
    expect(spec?.http[0]?.mirrors[0]?.destination?.host).toBe('a.b');
    expect(spec?.tcp[0]?.route[0]?.destination?.host).toBe('db.shop.svc.cluster.local');
    expect(spec?.tls[0]?.match[0]?.gateways).toEqual(['shop/edge']);
  });

  test('that are long already are not copied; of a rule with a short one the rest is its own, and the rule stays as it was', () => {
    const long = rule('long', {
      hosts: ['shop.example'],
      gateways: ['mesh'],
      http: [{ route: to('a.b'), mirror: { host: 'c.d' } }],
    });
    const short = rule('short', {
      hosts: ['shop.example'],
      http: [
        { match: [{ name: 'one' }], route: to('payments') },
        { match: [{ name: 'two' }], route: to('a.b') },
      ],
    });
    const index = all(long, short);
    expect(index.merged('shop', 'long')).toBe(long);
    const { spec } = index.merged('shop', 'short') ?? {};
    expect(spec?.http[0]?.route[0]?.destination?.host).toBe('payments.shop.svc.cluster.local');
    expect(spec?.http[0]?.match).toBe(short.spec.http[0]?.match);
    expect(spec?.http[1]).toBe(short.spec.http[1]);
    expect(short.spec.http[0]?.route[0]?.destination?.host).toBe('payments');
  });
});

describe('what a namespace sees of a gateway', () => {
  test('is its own rules, then those exported to it, then public ones; each the older first, then by name and namespace', () => {
    const index = all(
      rule('public-b', { hosts: ['a'] }, { namespace: 'z' }),
      rule('public-b', { hosts: ['a'] }, { namespace: 'y' }),
      rule('public-a', { hosts: ['a'] }, { createdAt: 5 }),
      rule('star', { hosts: ['a'], exportTo: ['*'] }, { createdAt: 4 }),
      rule('exported', { hosts: ['a'], exportTo: ['shop'] }, { namespace: 'y', createdAt: 9 }),
      rule('own', { hosts: ['a'], exportTo: ['.'] }, { createdAt: 9 }),
      rule('other', { hosts: ['a'], exportTo: ['.'] }, { namespace: 'y' }),
      rule('nobody', { hosts: ['a'], exportTo: ['~'] }),
      rule('edge', { hosts: ['a'], gateways: ['edge'] }),
      rule('both', { hosts: ['a'], gateways: ['edge', 'mesh'] }, { createdAt: 6 }),
    );
    const seen = index.virtualServices('shop', 'mesh');
    expect(seen.map(({ name, namespace }) => `${namespace}/${name}`)).toEqual([
      'shop/own',
      'y/exported',
      'y/public-b',
      'z/public-b',
      'shop/star',
      'shop/public-a',
      'shop/both',
    ]);
    expect(names(index.virtualServices('shop', 'shop/edge'))).toEqual(['edge', 'both']);
    expect(index.virtualServices('shop', 'shop/none')).toEqual([]);
  });

  test('stays the same list while nothing of it changes', () => {
    const index = all(rule('a', { hosts: ['a'] }));
    const before = index.virtualServices('shop', 'mesh');
    index.set(rule('elsewhere', { hosts: ['b'], exportTo: ['.'] }, { namespace: 'other' }));
    index.set(rule('a', { hosts: ['a'] }));
    expect(index.virtualServices('shop', 'mesh')).toBe(before);
    index.set(rule('b', { hosts: ['b'] }));
    expect(names(index.virtualServices('shop', 'mesh'))).toEqual(['a', 'b']);
  });
});

describe('delegates', () => {
  const root = (route: NonNullable<Spec['http']>[number], about: About = {}) =>
    rule('root', { hosts: ['orders'], http: [route, { name: 'last', route: to('orders') }] }, about);

  test('give their routes to the root, which fills in what they leave out', () => {
    const index = all(
      root({
        name: 'root',
        match: [{ name: 'm', uri: { matchType: { case: 'prefix', value: '/a' } }, headers: { h: exact('1') } }],
        delegate: { name: 'part', namespace: 'other' },
        timeout: { seconds: 3n },
        retries: { attempts: 2 },
      }),
      rule(
        'part',
        {
          http: [
            { name: 'one', match: [{ name: 'n', uri: exact('/a/b'), headers: { i: exact('2') } }], route: to('one') },
            { name: 'two', match: [{ uri: exact('/other') }], route: to('two') },
            { timeout: { seconds: 9n }, route: to('three') },
          ],
        },
        { namespace: 'other' },
      ),
    );
    const http = index.merged('shop', 'root')?.spec.http ?? [];
    expect(http.map(({ name }) => name)).toEqual(['root-one', 'root', 'last']);
    expect(http[0]?.match).toHaveLength(1);
    expect(http[0]?.match[0]).toMatchObject({ name: 'm-n', uri: exact('/a/b'), headers: { h: exact('1'), i: exact('2') } });
    expect(http[0]?.timeout?.seconds).toBe(3n);
    expect(http[0]?.retries?.attempts).toBe(2);
    expect(http[0]?.route[0]?.destination?.host).toBe('one.other.svc.cluster.local');
    expect(http[1]?.match[0]?.name).toBe('m');
    expect(http[1]?.timeout?.seconds).toBe(9n);
    expect([...index.diagnostics()].map(({ what }) => what)).toEqual([
      'route "two" of other/part is left out: its match is not within the match of the route that delegates to it',
    ]);
    expect(index.virtualServices('other', 'mesh')).toHaveLength(1);
  });

  test.each([
    ['is not there', []],
    ['is not exported to shop', [rule('part', { exportTo: ['.'], http: [{ route: to('x') }] }, { namespace: 'other' })]],
    [
      'has hosts, which makes it a rule of its own',
      [rule('part', { hosts: ['x'], http: [{ route: to('x') }] }, { namespace: 'other' })],
    ],
  ])('that cannot be used leave only their route out: one that %s', (why, parts) => {
    const index = all(root({ name: 'r', delegate: { name: 'part', namespace: 'other' } }), ...parts);
    expect(index.merged('shop', 'root')?.spec.http.map(({ name }) => name)).toEqual(['last']);
    expect([...index.diagnostics()]).toMatchObject([
      { code: 'rule.delegate', what: `its route "r" is left out: the delegate other/part ${why}` },
    ]);
  });

  test('of delegates are refused', () => {
    const index = all(
      root({ delegate: { name: 'part' } }),
      rule('part', { http: [{ name: 'inner', delegate: { name: 'deeper' } }] }),
      rule('deeper', { http: [{ route: to('x') }] }),
    );
    expect(index.merged('shop', 'root')?.spec.http.map(({ name }) => name)).toEqual(['last']);
    expect([...index.diagnostics()].map(({ what }) => what)).toEqual([
      'route "inner" of shop/part is left out: a delegate cannot delegate',
    ]);
  });

  test('that come, change and go change the roots that name them, and nothing else', () => {
    const index = all(root({ delegate: { name: 'part' } }), rule('unconcerned', { hosts: ['b'] }));
    const changed = (changes: readonly { readonly before: unknown; readonly after: unknown }[]): string[] =>
      changes.map(({ before, after }) => ((after ?? before) as { name: string }).name);
    expect(changed(index.set(rule('part', { http: [{ name: 'x', route: to('x') }] })))).toEqual(['root']);
    expect(index.merged('shop', 'root')?.spec.http.map(({ name }) => name)).toEqual(['x', 'last']);
    expect(changed(index.set(rule('part', { http: [{ name: 'y', route: to('x') }] })))).toEqual(['root']);
    expect(index.set(rule('part', { http: [{ name: 'y', route: to('x') }] }))).toEqual([]);
    expect(changed(index.delete('shop', 'part'))).toEqual(['root']);
    expect(changed(index.delete('shop', 'root'))).toEqual(['root']);
    expect(index.delete('shop', 'root')).toEqual([]);
    expect(index.set(rule('part', { http: [{ name: 'z', route: to('x') }] }))).toEqual([]);
    expect(names(index.virtualServices('shop', 'mesh'))).toEqual(['unconcerned']);
  });

  test.each([
    ['a prefix within a prefix', prefix('/a'), prefix('/a/b'), true],
    ['a wider prefix', prefix('/a/b'), prefix('/a'), false],
    ['an exact value within a prefix', prefix('/a'), exact('/a/b'), true],
    ['the same exact value', exact('/a'), exact('/a'), true],
    ['another exact value', exact('/a'), exact('/b'), false],
    ['a prefix within an exact value', exact('/a'), prefix('/a'), false],
    ['a regular expression within a prefix', prefix('/a'), regex('/a.*'), false],
    ['an exact value within a regular expression', regex('/a.*'), exact('/a'), false],
    ['the same regular expression', regex('/a.*'), regex('/a.*'), false],
  ])('match within the root’s only: %s', (_, outer, inner, kept) => {
    const index = all(
      root({ match: [{ uri: outer }], delegate: { name: 'part' } }),
      rule('part', { http: [{ name: 'x', match: [{ uri: inner }], route: to('x') }] }),
    );
    expect(index.merged('shop', 'root')?.spec.http).toHaveLength(kept ? 2 : 1);
  });
});

test('after any changes everything is as from nothing', () => {
  const one = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    hosts: fc.constantFrom<string[]>([], ['x'], ['y', 'z']),
    gateways: fc.constantFrom<string[]>([], ['edge'], ['mesh', 'edge']),
    exportTo: fc.constantFrom<string[]>([], ['.'], ['other'], ['~']),
    delegate: fc.constantFrom(undefined, 'a', 'b', 'c'),
    createdAt: fc.nat(2),
    gone: fc.boolean(),
  });
  const made = ({ name, hosts, gateways, exportTo, delegate, createdAt }: typeof one extends fc.Arbitrary<infer T> ? T : never) =>
    rule(
      name,
      { hosts, gateways, exportTo, http: [delegate === undefined ? { route: to(name) } : { delegate: { name: delegate } }] },
      { createdAt },
    );
  const view = (index: VirtualServices): unknown =>
    ['shop', 'other'].flatMap((namespace) =>
      ['mesh', 'shop/edge'].map((gateway) =>
        index.virtualServices(namespace, gateway).map(({ name, version, spec }) => [name, version, spec.http.length]),
      ),
    );
  fc.assert(
    fc.property(fc.array(one, { maxLength: 12 }), (changes) => {
      const index = new VirtualServices('cluster.local');
      const last = new Map<string, IstioObject<'VirtualService'>>();
      for (const change of changes) {
        view(index); // lists that are kept
        if (change.gone) {
          index.delete('shop', change.name);
          last.delete(change.name);
          continue;
        }
        index.set(made(change));
        last.set(change.name, made(change));
      }
      expect(view(index)).toEqual(view(all(...last.values())));
    }),
  );
});

function exact(value: string) {
  return { matchType: { case: 'exact' as const, value } };
}

function prefix(value: string) {
  return { matchType: { case: 'prefix' as const, value } };
}

function regex(value: string) {
  return { matchType: { case: 'regex' as const, value } };
}
