import { expect, test } from '@jest/globals';
import { choosePorts, listening, standardPorts } from './lab-ports.ts';

const everything = new Set(['istiod', 'nacos3'] as const);

test('the ports that users know are those of the interface page', () => {
  const { web, monolith, egress, envoyAdmin, control, xds, mcp, nacos, consul, eureka } = standardPorts;
  expect([web, monolith, egress, envoyAdmin, control, xds, mcp, nacos, consul, eureka]).toEqual([
    18_080, 18_090, 15_004, 15_000, 15_080, 15_012, 15_010, 8848, 8500, 8761,
  ]);
});

test('no two of them are the same, those of extras and those beside Nacos included', () => {
  const ports = listening(standardPorts, everything).map(({ port }) => port);
  expect(new Set(ports).size).toBe(ports.length);
  expect(ports).toEqual(expect.arrayContaining([9848, 9849, 7848, 9858, 7858, 18_211]));
});

test('an offset moves all of them', async () => {
  expect(await choosePorts({ kind: 'fixed', offset: 10_000 })).toMatchObject({ web: 28_080, nacos: 18_848, mcp: 25_010 });
});

test('free ports are free and different', async () => {
  const ports = listening(await choosePorts({ kind: 'free' }), everything).map(({ port }) => port);
  expect(new Set(ports).size).toBe(ports.length);
});

test('ports of an extra that is not asked for are left alone', () => {
  expect(listening(standardPorts, new Set()).some(({ use }) => use === 'nacos3' || use === 'istioEgress')).toBe(false);
});
