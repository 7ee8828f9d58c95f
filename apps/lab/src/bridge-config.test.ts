import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { bridgeConfig } from './bridge-config.ts';
import { choosePorts, standardPorts } from './lab-ports.ts';

const template = await readFile(join(import.meta.dirname, '../lab.yaml'), 'utf8');

test('on its usual ports and with every registry the copy says what the file says', () => {
  const text = bridgeConfig(template, { ports: standardPorts, without: new Set(), ledger: '.isthmus/lab/ledger' });
  expect(parse(text)).toEqual(parse(template));
  expect(text).toContain('# What the lab’s bridge is started with.');
});

test('every address moves with the ports', async () => {
  const ports = await choosePorts({ kind: 'fixed', offset: 10_000 });
  const text = bridgeConfig(template, { ports, without: new Set(), ledger: '/tmp/ledger' });
  expect(parse(text)).toMatchObject({
    registries: [
      { servers: ['http://127.0.0.1:18848'] },
      { servers: ['http://127.0.0.1:18500'] },
      { servers: ['http://127.0.0.1:18761/eureka'] },
      { servers: ['http://127.0.0.1:18858'] },
    ],
    outputs: { mcp: { listen: '127.0.0.1:25010' }, xds: { listen: '127.0.0.1:25012' } },
    control: { listen: '127.0.0.1:25080' },
    ledger: { file: '/tmp/ledger' },
  });
});

test('a registry that does not run is left out', () => {
  const text = bridgeConfig(template, { ports: standardPorts, without: new Set(['hq', 'fresh']), ledger: 'l' });
  const { registries } = parse(text) as { registries: { name: string }[] };
  expect(registries.map(({ name }) => name)).toEqual(['shop', 'old']);
});
