import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { archiveFlags, classArchive } from './class-archive.ts';

describe('an archive of classes', () => {
  let home: string;
  let path: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'isthmus-classes-'));
    path = join(home, 'bin');
    await mkdir(path);
    await writeFile(join(path, 'java'), '');
  });
  afterEach(() => rm(home, { recursive: true }));

  const record = async () => {
    const archive = await classArchive(home, true, path);
    await mkdir(dirname(archive!.file), { recursive: true });
    await writeFile(archive!.file, '');
    return archive;
  };

  test('is used once it was recorded', async () => {
    expect(await classArchive(home, false, path)).toBeUndefined();
    const recorded = await record();
    expect(await classArchive(home, false, path)).toEqual(recorded);
    expect(archiveFlags(recorded!, false)).toEqual([`-XX:SharedArchiveFile=${recorded!.file}`]);
  });

  test('is written under another name, so that one that was cut off is none', async () => {
    const archive = await classArchive(home, true, path);
    expect(archiveFlags(archive!, true)).toEqual([`-XX:ArchiveClassesAtExit=${archive!.file}.new`]);
  });

  test('of another JDK is not used', async () => {
    await record();
    await utimes(join(path, 'java'), 1, 1);
    expect(await classArchive(home, false, path)).toBeUndefined();
  });

  test('is none of a machine without a JVM', async () => {
    await record();
    expect(await classArchive(home, false, join(home, 'elsewhere'))).toBeUndefined();
  });
});
