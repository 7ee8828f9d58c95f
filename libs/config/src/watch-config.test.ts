import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Diagnostic } from '@isthmus/model';
import { testKinds } from './test-kinds.ts';
import { watchConfig } from './watch-config.ts';

const text = (meshId: string) =>
  `version: 1\nmeshId: ${meshId}\nregistries: [{ name: a, kind: nacos, servers: [http://127.0.0.1:8848] }]\n`;

describe('a watched config', () => {
  let directory: string;
  let abort: AbortController;
  let seen: string[];
  let wake: () => void;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-watch-'));
    abort = new AbortController();
    seen = [];
    wake = () => {};
  });
  afterEach(async () => {
    abort.abort();
    await rm(directory, { recursive: true });
  });

  /** At once: a reader sees the old content or the new one, never a part. */
  const replace = async (path: string, content: string) => {
    await writeFile(`${path}.tmp`, content);
    await rename(`${path}.tmp`, path);
  };
  const note = (line: string) => {
    seen.push(line);
    wake();
  };
  const watchFile = (path: string) =>
    watchConfig(path, {
      kinds: testKinds,
      onGood: (config) => note(`good ${config.meshId}`),
      onBad: (diagnostics: readonly Diagnostic[]) =>
        note(diagnostics.length === 0 ? 'bad is over' : `bad ${diagnostics.map((d) => `${d.code} ${d.what}`).join(', ')}`),
      signal: abort.signal,
      quietMs: 5,
    });
  /** Waits until the last line said is this one; the test's own timeout is the deadline. */
  const until = async (line: string) => {
    while (seen.at(-1) !== line) await new Promise<void>((resolve) => (wake = resolve));
  };

  test('is read again when it is written in place, and when it is replaced by a rename', async () => {
    const path = join(directory, 'a.yaml');
    await writeFile(path, text('one'));
    await watchFile(path);
    await writeFile(path, text('two'));
    await until('good two');
    for (const name of ['three', 'four']) {
      await replace(path, text(name));
      await until(`good ${name}`);
    }
  });

  test('keeps the last good one on a bad change and says so, until it is mended', async () => {
    const path = join(directory, 'a.yaml');
    await writeFile(path, text('one'));
    await watchFile(path);
    await replace(path, text('Not a name'));
    await until('bad config.reload meshId is "Not a name"');
    await replace(path, text('two'));
    await until('good two');
    expect(seen).toEqual(['bad config.reload meshId is "Not a name"', 'bad is over', 'good two']);
  });

  test('is bad while it is gone, and good when it comes back', async () => {
    const path = join(directory, 'a.yaml');
    await writeFile(path, text('one'));
    await watchFile(path);
    await rm(path);
    await until('bad config.reload cannot be read: there is no such file');
    await writeFile(path, text('one'));
    await until('good one');
  });

  test('in a mounted ConfigMap is read again when the link to its version moves', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(join(directory, version));
      await writeFile(join(directory, version, 'a.yaml'), text(version));
    }
    await symlink('v1', join(directory, '..data'));
    await symlink('..data/a.yaml', join(directory, 'a.yaml'));
    await watchFile(join(directory, 'a.yaml'));
    await symlink('v2', join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
    await until('good v2');
  });

  test('is not said to have changed when it was only touched', async () => {
    const path = join(directory, 'a.yaml');
    await writeFile(path, text('one'));
    await watchFile(path);
    await replace(path, text('one'));
    await replace(path, text('two'));
    await until('good two');
    expect(seen).toEqual(['good two']);
  });
});
