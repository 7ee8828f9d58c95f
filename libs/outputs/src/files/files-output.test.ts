import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { MeshObject } from '@isthmus/model';
import { isEmptyPlan } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { Hosts } from '../testing/hosts.ts';
import { headerOf } from './file-format.ts';
import { FilesOutput } from './files-output.ts';
import { realFiles } from './file-system.ts';
import type { FileSystem } from './file-system.ts';

let home: string;
let dir: string;
let hosts: Hosts;
let stop: AbortController;
let running: Promise<void>[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'isthmus-files-'));
  dir = join(home, 'out');
  hosts = new Hosts();
  stop = new AbortController();
  running = [];
});

afterEach(async () => {
  stop.abort();
  await Promise.all(running);
  await rm(home, { recursive: true });
});

const toYaml = (object: MeshObject): string => `${JSON.stringify(object)}\n`;

/** A bridge's output from its start on. */
function start(files: FileSystem = realFiles, meshId = 'shop'): FilesOutput {
  const output = new FilesOutput({ dir, meshId, render: hosts.render, toYaml, files, retry: { firstMs: 1, mostMs: 5 } });
  running.push(output.run(stop.signal));
  return output;
}

const settled = (output: FilesOutput) => until('everything is written', () => output.pending === 0);
const names = async () => (await readdir(dir)).sort();

/** The file system, counting and failing as the test says. */
function spy(fail: (path: string) => string | undefined = () => undefined) {
  const written: string[] = [];
  const files: FileSystem = {
    ...realFiles,
    write: async (path, text) => {
      const code = fail(path);
      if (code !== undefined) throw Object.assign(new Error(`${code}: no`), { code });
      written.push(path);
      await realFiles.write(path, text);
    },
  };
  return { files, written };
}

describe('the files output', () => {
  test('has a file for each host, which says whose it is, and none for a host without objects', async () => {
    const output = start();
    output.touch([hosts.set('orders.nacos', 2), hosts.set('payments.eureka', 1), hosts.set('gone.nacos', 0)]);
    await settled(output);
    expect(await names()).toEqual(['orders.nacos.yaml', 'payments.eureka.yaml']);
    expect(await readFile(join(dir, 'orders.nacos.yaml'), 'utf8')).toBe(
      headerOf('shop') + toYaml(hosts.object('orders.nacos', 2)),
    );
  });

  test('a change writes its host’s file alone, under another name first; a host that goes takes its file with it', async () => {
    const { files, written } = spy();
    const output = start(files);
    output.touch([hosts.set('a.nacos', 1), hosts.set('b.nacos', 1)]);
    await settled(output);
    written.length = 0;
    output.touch([hosts.set('a.nacos', 2)]);
    await settled(output);
    expect(written).toEqual([join(dir, '.a.nacos.yaml.tmp')]);
    output.touch([hosts.set('a.nacos', 0)]);
    await settled(output);
    expect(await names()).toEqual(['b.nacos.yaml']);
  });

  test('many changes of a host while it waits are one file, the newest', async () => {
    const { files, written } = spy();
    const output = start(files);
    for (let n = 1; n <= 500; n += 1) output.touch([hosts.set('a.nacos', n)]);
    await settled(output);
    expect(written.length).toBeLessThan(5);
    expect(await readFile(join(dir, 'a.nacos.yaml'), 'utf8')).toContain(toYaml(hosts.object('a.nacos', 500)));
  });

  test('after a restart nothing is written that is there already, and leftovers go when every source has been read, not before', async () => {
    const first = start();
    first.touch([hosts.set('a.nacos', 1), hosts.set('old.nacos', 1)]);
    await settled(first);
    stop.abort();
    stop = new AbortController();
    hosts = new Hosts();
    const { files, written } = spy();
    const second = start(files);
    second.touch([hosts.set('a.nacos', 1), hosts.set('old.nacos', 0)]);
    await settled(second);
    expect(written).toEqual([]);
    expect(await names()).toEqual(['a.nacos.yaml', 'old.nacos.yaml']);
    second.complete(true);
    await settled(second);
    expect(await names()).toEqual(['a.nacos.yaml']);
  });

  test('the sweep waits for hosts that are still to be asked what they are', async () => {
    const first = start();
    first.touch(Array.from({ length: 200 }, (_, n) => hosts.set(`s${n}.nacos`, 1)));
    await settled(first);
    stop.abort();
    stop = new AbortController();
    const removed: string[] = [];
    const second = start({ ...realFiles, remove: async (path) => void removed.push(path) });
    second.touch(hosts.all);
    second.complete(true);
    await settled(second);
    expect(removed).toEqual([]);
  });

  test('files that it has not written are never touched, whatever their name', async () => {
    await mkdir(dir);
    await writeFile(join(dir, 'own.yaml'), 'mine\n');
    await writeFile(join(dir, 'a.nacos.yaml'), 'mine too\n');
    await writeFile(join(dir, 'other-mesh.yaml'), headerOf('other'));
    await mkdir(join(dir, 'sub.yaml'));
    const output = start();
    output.touch([hosts.set('a.nacos', 1)]);
    output.complete(true);
    await until('it says so', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.conflict', where: join(dir, 'a.nacos.yaml') }]);
    expect(await names()).toEqual(['a.nacos.yaml', 'other-mesh.yaml', 'own.yaml', 'sub.yaml']);
    expect(await readFile(join(dir, 'a.nacos.yaml'), 'utf8')).toBe('mine too\n');
  });

  test('what a killed bridge left half written is cleared away', async () => {
    await mkdir(dir);
    await writeFile(join(dir, '.a.nacos.yaml.tmp'), `${headerOf('shop')}half of i`);
    const output = start();
    output.touch([hosts.set('b.nacos', 1)]);
    await settled(output);
    expect(await names()).toEqual(['b.nacos.yaml']);
  });

  test('a full disk is said with file and remedy, costs no other file, and is tried again until it works', async () => {
    let full = true;
    const output = start(spy((path) => (full && path.includes('a.nacos') ? 'ENOSPC' : undefined)).files);
    output.touch([hosts.set('a.nacos', 1), hosts.set('b.nacos', 1)]);
    await until('it says so', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([
      {
        code: 'output.unwritable',
        where: join(dir, 'a.nacos.yaml'),
        what: expect.stringContaining('the disk is full'),
        remedy: 'free some space',
      },
    ]);
    await until('the other is there', async () => (await names()).includes('b.nacos.yaml'));
    full = false;
    await settled(output);
    expect(output.diagnostics()).toEqual([]);
    expect(await names()).toEqual(['a.nacos.yaml', 'b.nacos.yaml']);
  });

  test('a directory that cannot be made is one problem, and is used as soon as it can', async () => {
    await writeFile(dir, 'a file in its place');
    const output = start();
    output.touch([hosts.set('a.nacos', 1), hosts.set('b.nacos', 1)]);
    await until('it says so', () => output.diagnostics().length > 0);
    expect(output.diagnostics()).toMatchObject([{ code: 'output.unwritable', where: dir }]);
    await rm(dir);
    await settled(output);
    expect(await names()).toEqual(['a.nacos.yaml', 'b.nacos.yaml']);
    expect(output.diagnostics()).toEqual([]);
  });

  test('a host of 253 characters has a file of its own all the same', async () => {
    const label = 'x'.repeat(61);
    const [one, two] = [1, 2].map((n) => hosts.set(`${label}.${label}.${label}.${label}.${n}`, 1));
    const output = start();
    output.touch([one!, two!]);
    await settled(output);
    expect((await names()).length).toBe(2);
  });

  test('the dry run says what would be written, replaced and removed, and changes nothing', async () => {
    const first = start();
    first.touch([hosts.set('same.nacos', 1), hosts.set('other.nacos', 1), hosts.set('gone.nacos', 1)]);
    await settled(first);
    await writeFile(join(dir, 'own.yaml'), 'mine\n');
    hosts.set('other.nacos', 2);
    hosts.set('gone.nacos', 0);
    hosts.set('new.nacos', 1);
    const before = await fingerprint();
    const plan = await first.plan(hosts.all);
    expect(plan.creates.map((w) => w.name)).toEqual(['new.nacos.yaml']);
    expect(plan.updates.map((w) => w.name)).toEqual(['other.nacos.yaml']);
    expect(plan.deletes.map((w) => w.name)).toEqual(['gone.nacos.yaml']);
    expect(plan.unchanged).toBe(1);
    expect(await fingerprint()).toEqual(before);
  });

  test('the dry run of an output that was never used needs no directory, and makes none', async () => {
    const output = new FilesOutput({ dir, meshId: 'shop', render: hosts.render, toYaml });
    const plan = await output.plan([hosts.set('a.nacos', 1)]);
    expect(isEmptyPlan(plan)).toBe(false);
    await expect(stat(dir)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

async function fingerprint(): Promise<readonly string[]> {
  return Promise.all(
    (await names()).map(async (name) => {
      const { ino, mtimeMs, size } = await stat(join(dir, name));
      return `${name} ${ino} ${mtimeMs} ${size}`;
    }),
  );
}
