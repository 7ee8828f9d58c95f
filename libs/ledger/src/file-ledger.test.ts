import { appendFile, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FileLedger } from './file-ledger.ts';

describe('a ledger in a file', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'isthmus-ledger-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const dump = (ledger: FileLedger) => ({
    vip: Object.fromEntries(ledger.entries('vip')),
    record: Object.fromEntries(ledger.entries('record')),
  });

  test('knows after a restart what it was told before', async () => {
    const first = await FileLedger.open(directory);
    first.put('vip', 'orders.public.nacos', '240.241.0.1');
    first.put('record', 'shop/public/g/orders', { endpoints: [1, 2] });
    first.put('vip', 'gone', '240.241.0.2');
    first.delete('vip', 'gone');
    await first.close();
    const second = await FileLedger.open(directory);
    expect(dump(second)).toEqual({
      vip: { 'orders.public.nacos': '240.241.0.1' },
      record: { 'shop/public/g/orders': { endpoints: [1, 2] } },
    });
    expect(second.diagnostics).toEqual([]);
    await second.close();
  });

  test('equals a plain map after any sequence of writes, flushes and restarts', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('put' as const),
        key: fc.constantFrom('a', 'b', 'c'),
        value: fc.jsonValue().filter((v) => v !== null),
      }),
      fc.record({ do: fc.constant('delete' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constantFrom('flush' as const, 'reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const own = await mkdtemp(join(directory, 'run-'));
        let ledger = await FileLedger.open(own);
        const model = new Map<string, unknown>();
        for (const s of steps) {
          if (s.do === 'put') {
            ledger.put('record', s.key, s.value);
            model.set(s.key, s.value);
          } else if (s.do === 'delete') {
            ledger.delete('record', s.key);
            model.delete(s.key);
          } else if (s.do === 'flush') await ledger.flush();
          else {
            await ledger.close();
            ledger = await FileLedger.open(own);
          }
        }
        await ledger.close();
        const again = await FileLedger.open(own);
        // JSON knows no -0
        expect(JSON.parse(JSON.stringify(Object.fromEntries(again.entries('record'))))).toEqual(
          JSON.parse(JSON.stringify(Object.fromEntries(model))),
        );
        await again.close();
      }),
      { numRuns: 30 },
    );
  });

  test('drops a last line that a crash cut off, and keeps the rest', async () => {
    const first = await FileLedger.open(directory);
    first.put('vip', 'a', '240.241.0.1');
    await first.close();
    await appendFile(join(directory, 'journal'), 'deadbeef ["vip","b","240.2');
    const second = await FileLedger.open(directory);
    expect(dump(second).vip).toEqual({ a: '240.241.0.1' });
    expect(second.diagnostics).toMatchObject([{ code: 'ledger.damaged', severity: 'info' }]);
    await second.close();
  });

  test('drops a line in the middle whose checksum is wrong, and names it', async () => {
    const first = await FileLedger.open(directory);
    first.put('vip', 'a', '240.241.0.1');
    first.put('vip', 'b', '240.241.0.2');
    await first.close();
    const path = join(directory, 'journal');
    await writeFile(path, (await readFile(path, 'utf8')).replace('240.241.0.1', '240.241.9.9'));
    const second = await FileLedger.open(directory);
    expect(dump(second).vip).toEqual({ b: '240.241.0.2' });
    expect(second.diagnostics).toMatchObject([{ severity: 'warning', where: `${path}:2` }]);
    await second.close();
  });

  test('refuses a journal of another version and leaves it alone', async () => {
    const path = join(directory, 'journal');
    await writeFile(path, '{"isthmusLedger":99}\nsomething\n');
    await expect(FileLedger.open(directory)).rejects.toMatchObject({ code: 'ledger.unreadable', where: `${path}:1` });
    expect(await readFile(path, 'utf8')).toBe('{"isthmusLedger":99}\nsomething\n');
  });

  test('refuses a second bridge while the first lives', async () => {
    const first = await FileLedger.open(directory);
    await writeFile(join(directory, 'lock'), '1'); // pid 1 always lives
    await expect(FileLedger.open(directory)).rejects.toMatchObject({ code: 'ledger.unwritable' });
    await first.close();
  });

  test('takes over the lock of a bridge that was killed', async () => {
    await writeFile(join(directory, 'lock'), '999999999');
    const ledger = await FileLedger.open(directory);
    await ledger.close();
    await expect(readFile(join(directory, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('rewrites the journal when most of it is history', async () => {
    const ledger = await FileLedger.open(directory);
    for (let round = 0; round < 90; round += 1) {
      for (let n = 0; n < 100; n += 1) ledger.put('record', `k${n}`, { round, n });
      await ledger.flush();
    }
    const lines = (await readFile(join(directory, 'journal'), 'utf8')).split('\n').length;
    expect(lines).toBeLessThan(5000);
    await ledger.close();
    const again = await FileLedger.open(directory);
    expect(again.get('record', 'k42')).toEqual({ round: 89, n: 42 });
    await again.close();
  });

  test('of the version before, without the tables that came later, is read whole and written on', async () => {
    const path = join(directory, 'journal');
    await copyFile(new URL('testdata/journal-before-0.2', import.meta.url), path);
    const first = await FileLedger.open(directory);
    expect(first.diagnostics).toEqual([]);
    expect([...first.entries('record').keys()].sort()).toEqual(['a/ns/g/orders', 'a/ns/g/stock']);
    expect([...first.entries('vip').keys()].sort()).toEqual(['orders.test', 'stock.test']);
    expect(first.get('held', 'a/ns/g')).toMatchObject({ removing: 12, of: 15 });
    first.put('tombstone', 'a/ns/g/orders 10.0.0.1 8000', { incarnation: 1, at: 2 });
    first.put('retained', 'a/ns/g/orders', [{ key: '10.0.0.1 8000', why: 'mass', since: 1, forMs: 30_000 }]);
    first.put('scope', 'a/ns/g', { asOf: 3 });
    await first.close();
    const second = await FileLedger.open(directory);
    expect(second.get('scope', 'a/ns/g')).toEqual({ asOf: 3 });
    expect(second.get('retained', 'a/ns/g/orders')).toMatchObject([{ why: 'mass' }]);
    expect(second.entries('tombstone').size).toBe(1);
    expect(second.entries('record').size).toBe(2);
    await second.close();
  });

  test('of a version after, with a table that this one does not know, is written on with that table as it was', async () => {
    const path = join(directory, 'journal');
    const line = (...entry: readonly unknown[]): string => {
      const json = JSON.stringify(entry);
      return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
    };
    const later = [line('future', 'a', { n: 1 }), line('future', 'b', 1), line('future', 'b'), line('future', 'a', { n: 2 })];
    await writeFile(path, [`{"isthmusLedger":1}\n`, line('vip', 'orders', '240.241.0.1'), ...later].join(''));
    const foreign = async (): Promise<readonly string[]> =>
      (await readFile(path, 'utf8')).split(/(?<=\n)/).filter((text) => text.includes('"future"'));
    for (let start = 0; start < 2; start += 1) {
      const ledger = await FileLedger.open(directory);
      expect(ledger.entries('vip').size).toBe(1);
      expect(ledger.diagnostics).toMatchObject([
        {
          code: 'ledger.newer',
          severity: 'info',
          where: path,
          what: expect.stringContaining('1 entry is of a newer version: future'),
        },
      ]);
      for (let n = 0; n < 5_000; n += 1) {
        ledger.put('vip', 'orders', `240.241.${start}.${n}`);
        if (n % 1_000 === 0) await ledger.flush();
      }
      await ledger.close();
      expect(await foreign()).toEqual([later[3]]);
    }
  });

  test('serves what goes beyond its bound, keeps the rest on disk, and says so', async () => {
    const first = await FileLedger.open(directory, 3);
    for (const key of ['a', 'b', 'c', 'd', 'e']) first.put('record', key, { key });
    first.put('vip', 'host', '240.241.0.1');
    expect(first.get('record', 'e')).toEqual({ key: 'e' });
    expect(first.diagnostics).toMatchObject([
      { code: 'ledger.full', severity: 'warning', what: expect.stringMatching(/^2 services/) },
    ]);
    first.put('record', 'a', { key: 'a', changed: true });
    first.delete('record', 'd');
    await first.close();
    const second = await FileLedger.open(directory, 3);
    expect(Object.keys(dump(second).record).sort()).toEqual(['a', 'b', 'c']);
    expect(second.get('record', 'a')).toEqual({ key: 'a', changed: true });
    expect(dump(second).vip).toEqual({ host: '240.241.0.1' });
    expect(second.diagnostics).toEqual([]);
    await second.close();
  });
});
