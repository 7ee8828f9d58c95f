import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { sourceName } from './fields.ts';
import { parseConfig } from './load-config.ts';
import { formatProblems } from './problem.ts';
import { testKinds } from './test-kinds.ts';

/** A kind that cannot be published into. */
const files = { kind: 'files', schema: z.strictObject({ name: sourceName, kind: z.literal('files') }) };

const BASE = `version: 1
meshId: shop
registries:
  - { name: shop, kind: nacos, servers: [http://127.0.0.1:8848] }
  - { name: hq, kind: consul, servers: [http://127.0.0.1:8500] }
  - { name: fixed, kind: files }
`;

const parse = (publish: string) => parseConfig('x.yaml', Buffer.from(BASE + publish), { kinds: [...testKinds, files] });
const problems = (publish: string): string => {
  const result = parse(publish);
  return result.ok ? '' : formatProblems(result.problems);
};

describe('publish', () => {
  test('has everything but where and what by default', () => {
    const result = parse('publish: [ { to: shop, services: [fixed/*/*/*] } ]');
    expect(result.ok && result.config.publish).toEqual([
      {
        to: 'shop',
        services: ['fixed/*/*/*'],
        address: 'instance',
        gateways: [],
        sidecarPort: undefined,
        port: undefined,
        name: '{name}',
        namespace: '',
        group: '',
        metadata: {},
        ttlMs: 30_000,
      },
    ]);
  });

  test('takes one gateway or several, IPv6 in brackets', () => {
    const result = parse(
      "publish: [ { to: hq, services: ['*'], address: gateway, gateway: ['10.0.0.5:80', '[fd00::5]:8080'], name: 'mesh-{name}', ttl: 10s } ]",
    );
    expect(result.ok && result.config.publish[0]).toMatchObject({
      gateways: [
        { address: '10.0.0.5', port: 80 },
        { address: 'fd00::5', port: 8080 },
      ],
      name: 'mesh-{name}',
      ttlMs: 10_000,
    });
  });

  test.each([
    ['an unknown registry', 'publish: [ { to: shopp, services: [a] } ]', /publish\[0\]\.to is "shopp".*did you mean shop\?/s],
    [
      'a registry that cannot be written',
      'publish: [ { to: fixed, services: [a] } ]',
      /files registry, which cannot be published into/,
    ],
    [
      'a registry’s own services',
      'publish: [ { to: hq, services: [fixed/*, hq/dc1//orders] } ]',
      /publish\[0\]\.services\[1\] takes services from hq/,
    ],
    ['a group where there are none', 'publish: [ { to: hq, services: [a], group: G } ]', /consul has no groups/],
    ['no gateway', 'publish: [ { to: hq, services: [a], address: gateway } ]', /needs gateway/],
    [
      'a gateway that nobody uses',
      'publish: [ { to: hq, services: [a], gateway: 1.2.3.4:80 } ]',
      /only used where address is gateway/,
    ],
    ['no sidecar port', 'publish: [ { to: hq, services: [a], address: sidecar } ]', /needs sidecarPort/],
    [
      'a sidecar’s port that only iptables may use',
      'publish: [ { to: hq, services: [a], address: sidecar, sidecarPort: 15006 } ]',
      /15006\n.*\n.*try: use address: instance: iptables bring calls/,
    ],
    ['a gateway without a port', 'publish: [ { to: hq, services: [a], address: gateway, gateway: 1.2.3.4 } ]', /ADDRESS:PORT/],
    ['marks of our own', 'publish: [ { to: hq, services: [a], metadata: { isthmus-mesh: other } } ]', /isthmus- are taken/],
    ['a lease that nobody could keep', 'publish: [ { to: hq, services: [a], ttl: 1s } ]', /between 3 s and 1 h/],
  ])('refuses %s, at its place', (_, publish, expected) => {
    const text = problems(publish);
    expect(text).toMatch(expected);
    expect(text).toMatch(/x\.yaml:7:\d+/);
  });
});
