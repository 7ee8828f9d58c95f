import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { watchPath } from './watch-path.ts';

describe('a watched path', () => {
  let directory: string;
  let abort: AbortController;
  let wake: () => void;
  let content: string | undefined;
  const blind: unknown[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-watch-path-'));
    abort = new AbortController();
    wake = () => undefined;
    content = undefined;
  });
  afterEach(async () => {
    abort.abort();
    await rm(directory, { recursive: true });
    expect(blind).toEqual([]);
  });

  const watch = (path: string) =>
    watchPath(path, {
      onChange: async () => {
        content = await readFile(path, 'utf8').catch(() => undefined);
        wake();
      },
      onBlind: (cause) => blind.push(cause),
      signal: abort.signal,
      quietMs: 5,
    });
  /** The test's own timeout is the deadline. */
  const until = async (text: string | undefined) => {
    while (content !== text) await new Promise<void>((resolve) => (wake = resolve));
  };

  test('may come later, with the directory that it is in', async () => {
    const path = join(directory, 'a/b/file');
    await watch(path);
    await mkdir(join(directory, 'a/b'), { recursive: true });
    await writeFile(path, 'one');
    await until('one');
    await writeFile(path, 'two');
    await until('two');
  });

  test('is seen again when its directory was removed and made again', async () => {
    const path = join(directory, 'a/file');
    await mkdir(join(directory, 'a'));
    await writeFile(path, 'one');
    await watch(path);
    await until('one');
    await rm(join(directory, 'a'), { recursive: true });
    await until(undefined);
    await mkdir(join(directory, 'a'));
    await writeFile(path, 'two');
    await until('two');
    await writeFile(path, 'three');
    await until('three');
  });

  test('is followed where its link leads to now', async () => {
    for (const name of ['a', 'b']) {
      await mkdir(join(directory, name));
      await writeFile(join(directory, name, 'file'), name);
    }
    const path = join(directory, 'link');
    await symlink(join(directory, 'a/file'), path);
    await watch(path);
    await until('a');
    await symlink(join(directory, 'b/file'), join(directory, 'next'));
    await rename(join(directory, 'next'), path);
    await until('b');
    await writeFile(join(directory, 'b/file'), 'c');
    await until('c');
  });

  test('is seen although something else in its directory is written without a pause', async () => {
    const path = join(directory, 'file');
    await writeFile(path, 'one');
    await watch(path);
    await until('one');
    let busy = true;
    const noise = (async () => {
      while (busy) await writeFile(join(directory, 'noise'), 'x');
    })();
    await writeFile(path, 'two');
    await until('two');
    busy = false;
    await noise;
  });
});
