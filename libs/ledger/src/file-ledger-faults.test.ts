/** Bad input of a ledger in a file: a clear error with place and remedy, and the last good state is kept. */
import { mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FileLedger } from './file-ledger.ts';

/** Every write to it fails with ENOSPC. */
const FULL_DISK = '/dev/full';

describe('a ledger in a file that is', () => {
  let directory: string;
  let journal: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-ledger-'));
    journal = join(directory, 'journal');
    const ledger = await FileLedger.open(directory);
    for (let n = 0; n < 100; n += 1) ledger.put('record', `s${n}`, { n });
    await ledger.close();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('truncated anywhere is read up to there, and says where', async () => {
    const text = await readFile(journal);
    await truncate(journal, text.indexOf('\n', text.length / 2) - 5);
    const ledger = await FileLedger.open(directory);
    const kept = ledger.entries('record').size;
    expect(kept).toBeGreaterThan(40);
    expect(kept).toBeLessThan(60);
    for (const [key, value] of ledger.entries('record')) expect(value).toEqual({ n: Number(key.slice(1)) });
    expect(ledger.diagnostics).toMatchObject([
      {
        code: 'ledger.damaged',
        where: `${journal}:${kept + 2}`,
        what: expect.stringContaining('cut off'),
        remedy: 'nothing to do',
      },
    ]);
    await ledger.close();
  });

  test('truncated to nothing starts empty', async () => {
    await truncate(journal, 0);
    const ledger = await FileLedger.open(directory);
    expect(ledger.entries('record').size).toBe(0);
    await ledger.close();
  });

  test.each([
    ['of another version', '{"isthmusLedger":99}\nrest\n'],
    ['cut off in its first line', '{"isthmusLed'],
    ['something else', '\u0000\u0001\u0002'],
  ])('%s is left alone and refused, with its place and what to do', async (_, text) => {
    await writeFile(journal, text);
    await expect(FileLedger.open(directory)).rejects.toMatchObject({
      code: 'ledger.unreadable',
      where: `${journal}:1`,
      remedy: expect.stringContaining('move the file away'),
    });
    expect(await readFile(journal, 'utf8')).toBe(text);
  });

  test('not writable is refused at the start, with its place and what to do', async () => {
    const notADirectory = join(journal, 'ledger');
    await expect(FileLedger.open(notADirectory)).rejects.toMatchObject({
      code: 'ledger.unwritable',
      where: notADirectory,
      remedy: expect.stringContaining('a directory that the bridge may write'),
    });
  });

  test('on a full disk at the start is refused, and what is there stays', async () => {
    const before = await readFile(journal);
    await symlink(FULL_DISK, `${journal}.new`);
    await expect(FileLedger.open(directory)).rejects.toMatchObject({
      code: 'ledger.unwritable',
      message: expect.stringContaining('ENOSPC'),
      where: directory,
    });
    expect(await readFile(journal)).toEqual(before);
  });

  test('on a disk that fills up goes on in memory, says so, and writes everything when there is space again', async () => {
    const ledger = await FileLedger.open(directory);
    await symlink(FULL_DISK, `${journal}.new`); // rewriting it fails, as it does every few thousand lines
    for (let round = 0; ledger.diagnostics.length === 0; round += 1) {
      if (round > 100) throw new Error('the journal is never rewritten');
      for (let n = 0; n < 100; n += 1) ledger.put('record', `s${n}`, { n, round });
      await ledger.flush();
    }
    expect(ledger.diagnostics).toMatchObject([
      {
        code: 'ledger.damaged',
        severity: 'error',
        where: directory,
        what: expect.stringContaining('ENOSPC'),
        remedy: expect.stringContaining('free disk space'),
      },
    ]);
    ledger.put('vip', 'meanwhile', '240.241.0.1');
    expect(ledger.get('vip', 'meanwhile')).toBe('240.241.0.1');
    await rm(`${journal}.new`);
    await ledger.flush();
    expect(ledger.diagnostics).toEqual([]);
    await ledger.close();
    const again = await FileLedger.open(directory);
    expect(again.get('vip', 'meanwhile')).toBe('240.241.0.1');
    expect(again.entries('record').size).toBe(100);
    await again.close();
  });
});
