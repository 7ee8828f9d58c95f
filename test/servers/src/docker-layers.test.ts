import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { keepLayers, openLayers } from './docker-layers.ts';

describe('layers of images', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'isthmus-layers-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  const build = async () => {
    const layers = await openLayers(home);
    await writeFile(join(layers, 'layer'), 'built');
    return layers;
  };

  test('are there again after an engine that ended in order', async () => {
    await keepLayers(await build());
    expect(existsSync(join(await openLayers(home), 'layer'))).toBe(true);
  });

  test('are gone after one that was killed, also when the one before it ended in order', async () => {
    await build();
    expect(await readdir(await openLayers(home))).toEqual([]);
    await keepLayers(await build());
    await openLayers(home);
    expect(await readdir(await openLayers(home))).toEqual([]);
    expect(await readdir(home)).toEqual(['layers']);
  });
});
