import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@isthmus/model/testing';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { IstioConfigStore } from './istio-config-store.ts';
import { IstioDirectory } from './istio-directory.ts';

const rule = (name: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${name}], http: [{ route: [{ destination: { host: a } }] }] }
`;

let dir: string;
let stop: AbortController;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'istio-dir-'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await rm(dir, { recursive: true, force: true });
});

function open(root = dir) {
  const store = new IstioConfigStore();
  const reads: string[][] = [];
  const trouble: (string | undefined)[] = [];
  const directory = new IstioDirectory({
    dir: root,
    namespace: 'shop',
    quietMs: 5,
    onFiles: (files) => {
      reads.push([...files.keys()].map((path) => path.slice(root.length + 1)));
      void store.setAll(files);
    },
    onTrouble: (what) => trouble.push(what),
  });
  const names = () => [...store.objects()].map(({ namespace, name }) => `${namespace}/${name}`).sort();
  return { store, reads, trouble, directory, names };
}

describe('reading', () => {
  test('takes YAML files of the directory and below, and nothing else', async () => {
    await mkdir(join(dir, 'deep/er'), { recursive: true });
    await mkdir(join(dir, '.git'));
    await Promise.all([
      writeFile(join(dir, 'a.yaml'), rule('a')),
      writeFile(join(dir, 'deep/er/b.yml'), rule('b')),
      writeFile(
        join(dir, 'c.json'),
        JSON.stringify({
          apiVersion: 'networking.istio.io/v1',
          kind: 'Sidecar',
          metadata: { name: 'c' },
          spec: { egress: [{ hosts: ['./*'] }] },
        }),
      ),
      writeFile(join(dir, '.git/d.yaml'), rule('d')),
      writeFile(join(dir, '.e.yaml'), rule('e')),
      writeFile(join(dir, 'f.yaml~'), rule('f')),
      writeFile(join(dir, 'README.md'), 'nothing'),
    ]);
    const { directory, names } = open();
    await directory.scan();
    expect(names()).toEqual(['shop/a', 'shop/b', 'shop/c']);
  });

  test('reads again only what changed', async () => {
    await Promise.all(['a', 'b'].map((name) => writeFile(join(dir, `${name}.yaml`), rule(name))));
    const { directory, reads } = open();
    await directory.scan();
    await directory.scan();
    await writeFile(join(dir, 'b.yaml'), rule('b2'));
    await directory.scan();
    expect(reads).toEqual([['a.yaml', 'b.yaml'], ['b.yaml']]);
  });

  test('a directory that is gone keeps what it said; a file that is gone does not', async () => {
    await Promise.all(['a', 'b'].map((name) => writeFile(join(dir, `${name}.yaml`), rule(name))));
    const { directory, trouble, names } = open();
    await directory.scan();
    await rm(join(dir, 'b.yaml'));
    await directory.scan();
    expect(names()).toEqual(['shop/a']);
    await rm(dir, { recursive: true });
    await directory.scan();
    expect([names(), trouble]).toEqual([['shop/a'], [undefined, undefined, 'cannot be read: it is not there']]);
  });
});

describe('watching', () => {
  test('sees files that are written, renamed over, added below, and removed', async () => {
    await writeFile(join(dir, 'a.yaml'), rule('a'));
    const { directory, names } = open();
    const watching = directory.watch(stop.signal);
    await until('a', () => names().join() === 'shop/a');
    await mkdir(join(dir, 'deep'));
    await until('a alone', () => names().join() === 'shop/a');
    await writeFile(join(dir, 'deep/b.yaml'), rule('b'));
    await until('a and b', () => names().join() === 'shop/a,shop/b');
    await writeFile(join(dir, 'new'), rule('c'));
    await rename(join(dir, 'new'), join(dir, 'a.yaml'));
    await until('b and c', () => names().join() === 'shop/b,shop/c');
    await rm(join(dir, 'deep'), { recursive: true });
    await until('c', () => names().join() === 'shop/c');
    stop.abort();
    await watching;
  });

  test('sees a ConfigMap change, which swaps a link', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(dir, `..${version}`));
      await writeFile(join(dir, `..${version}/a.yaml`), rule(version));
    }
    await symlink('..v1', join(dir, '..data'));
    await symlink('..data/a.yaml', join(dir, 'a.yaml'));
    const { directory, names } = open();
    const watching = directory.watch(stop.signal);
    await until('version 1', () => names().join() === 'shop/v1');
    await symlink('..v2', join(dir, '..tmp'));
    await rename(join(dir, '..tmp'), join(dir, '..data'));
    await until('version 2', () => names().join() === 'shop/v2');
    stop.abort();
    await watching;
  });

  test('sees a directory that comes later, and one that a link swaps', async () => {
    const link = join(dir, 'current');
    const { directory, names } = open(link);
    const watching = directory.watch(stop.signal);
    for (const version of ['one', 'two']) {
      await mkdir(join(dir, version));
      await writeFile(join(dir, version, 'a.yaml'), rule(version));
      await symlink(version, join(dir, 'next'));
      await rename(join(dir, 'next'), link);
      await until(version, () => names().join() === `shop/${version}`);
    }
    await writeFile(join(dir, 'two/a.yaml'), rule('three'));
    await until('version three', () => names().join() === 'shop/three');
    stop.abort();
    await watching;
  });
});
