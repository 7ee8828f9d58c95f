import { gzipSync } from 'node:zlib';
import type { LedgerStore } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { MemoryLedger } from '../memory-ledger.ts';
import { SharedLedger } from '../shared/shared-ledger.ts';

export interface StoreHarness {
  /** A replica's way to one and the same place; each call is another client. */
  open(options?: { readonly password?: 'wrong' }): LedgerStore;
  /** The server hangs: connections stay open, nothing is answered. Undefined where it cannot. */
  readonly hang: (() => Promise<void>) | undefined;
  readonly resume: (() => Promise<void>) | undefined;
  /** Blobs can be listed. */
  readonly canList: boolean;
  /** False where the server lets everyone in. */
  readonly hasPasswords: boolean;
  close(): Promise<void>;
}

/** What every store of a shared ledger promises; one harness serves all cases in the order given. */
export function describeStoreContract(name: string, makeHarness: () => Promise<StoreHarness>, deadlineMs = 30_000): void {
  const { describe, test, expect, beforeAll, afterAll, afterEach } = globalThis as unknown as typeof import('@jest/globals');

  describe(`${name} keeps the contract of ledger stores`, () => {
    let harness: StoreHarness;
    const stores: LedgerStore[] = [];
    const ledgers: SharedLedger[] = [];
    const soon = () => AbortSignal.timeout(deadlineMs);
    const open = (options?: { password?: 'wrong' }): LedgerStore => {
      const store = harness.open(options);
      stores.push(store);
      return store;
    };
    const share = (id: string, leaseMs = 3_000, known: Readonly<Record<string, string>> = {}): SharedLedger => {
      const local = Object.assign(new MemoryLedger(), {
        diagnostics: [],
        flush: async () => undefined,
        close: async () => undefined,
      });
      for (const [key, value] of Object.entries(known)) local.put('vip', key, value);
      const ledger = SharedLedger.start({
        store: harness.open(),
        local,
        sharedTables: ['vip', 'held'],
        self: { id },
        leaseMs,
        monotonic: () => performance.now(),
        random: Math.random,
      });
      ledgers.push(ledger);
      return ledger;
    };
    const leaders = () => ledgers.filter(({ writer }) => writer.isWriter());

    beforeAll(async () => {
      harness = await makeHarness();
    }, 300_000);
    afterEach(async () => {
      await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()));
      await Promise.all(stores.splice(0).map((store) => store.close()));
    });
    afterAll(() => harness?.close(), 60_000);

    test('a head is made once, and changed by whoever has read it last', async () => {
      const [a, b] = [open(), open()];
      expect(await a.readHead(soon())).toBeUndefined();
      const first = await a.writeHead('1', undefined, soon());
      expect(first).toBeDefined();
      expect(await b.writeHead('2', undefined, soon())).toBeUndefined();
      const second = await a.writeHead('3', first, soon());
      expect(second).not.toBe(first);
      // The late write of an old leader.
      expect(await b.writeHead('4', first, soon())).toBeUndefined();
      await until('the head is what was written', async () => (await b.readHead(soon()))?.text === '3', deadlineMs);
      expect(await b.readHead(soon())).toEqual({ version: second, text: '3' });
    });

    test('of many writers that read the same head one wins', async () => {
      const writers = Array.from({ length: 5 }, () => open());
      await until('it is read', async () => (await writers[0]?.readHead(soon()))?.text === '3', deadlineMs);
      const version = (await writers[0]?.readHead(soon()))?.version;
      const results = await Promise.all(writers.map((store, i) => store.writeHead(`race ${i}`, version, soon())));
      expect(results.filter((result) => result !== undefined).length).toBe(1);
      const winner = `race ${results.findIndex((result) => result !== undefined)}`;
      await until('the head is the winner’s', async () => (await open().readHead(soon()))?.text === winner, deadlineMs);
    });

    test('whoever waits for the next head hears of it, and of one that came before it asked', async () => {
      const [a, b] = [open(), open()];
      const before = await a.readHead(soon());
      const heard: string[] = [];
      const stop = new AbortController();
      const listening = (async () => {
        for (let version = before?.version; heard.at(-1) !== 'b';) {
          const head = await b.nextHead(version, stop.signal);
          if (head !== undefined && head.version !== version) heard.push(head.text);
          version = head?.version;
        }
      })();
      const first = await a.writeHead('a', before?.version, soon());
      await until('a is heard', () => heard.includes('a'), deadlineMs);
      await a.writeHead('b', first, soon());
      await listening;
      expect(heard).toEqual(['a', 'b']);
      expect((await open().nextHead('of long ago', soon()))?.text).toBe('b');
    });

    test('waiting ends when its signal aborts', async () => {
      const store = open();
      const version = (await store.readHead(soon()))?.version;
      const stop = new AbortController();
      const waiting = store.nextHead(version, stop.signal);
      setImmediate(() => stop.abort());
      const outcome = await waiting.then(
        (head) => head?.version,
        () => 'ended',
      );
      expect(['ended', version]).toContain(outcome); // a store may also answer with the same head
    });

    test('blobs of any bytes up to the limit come back as they were, are listed, and go', async () => {
      const [a, b] = [open(), open()];
      const large = Buffer.alloc(a.mostBlobBytes);
      for (let i = 0; i < large.length; i += 1) large[i] = (i * 7) % 256;
      await a.writeBlob('e1-x-1', large, soon());
      await a.writeBlob('e1-x-2', Buffer.from([0, 255, 128]), soon());
      await until('it can be read', async () => (await b.readBlob('e1-x-1', soon())) !== undefined, deadlineMs);
      expect(Buffer.compare(Buffer.from((await b.readBlob('e1-x-1', soon())) ?? []), large)).toBe(0);
      await until('so can the other', async () => (await b.readBlob('e1-x-2', soon())) !== undefined, deadlineMs);
      expect([...((await b.readBlob('e1-x-2', soon())) ?? [])]).toEqual([0, 255, 128]);
      const listed = await b.listBlobs(soon());
      expect(listed?.toSorted()).toEqual(harness.canList ? ['e1-x-1', 'e1-x-2'] : undefined);
      await a.removeBlob('e1-x-1', soon());
      await a.removeBlob('e1-x-1', soon());
      await until('it is gone', async () => (await b.readBlob('e1-x-1', soon())) === undefined, deadlineMs);
      expect(await b.readBlob('e9-none', soon())).toBeUndefined();
    });

    test('a wrong password is an error that says so', async () => {
      if (!harness.hasPasswords) return expect((await open().readHead(soon()))?.text).toBe('b');
      const store = open({ password: 'wrong' });
      await expect(store.readHead(soon())).rejects.toMatchObject({ code: 'ledger.forbidden' });
      await expect(store.writeHead('x', undefined, soon())).rejects.toMatchObject({ code: 'ledger.forbidden' });
    });

    test('a value that is larger than the server takes is an error with a remedy, and costs nothing else', async () => {
      const store = open();
      const tooLarge = store.writeBlob('e1-x-3', Buffer.alloc(TOO_LARGE, 'x'), soon());
      await expect(tooLarge).rejects.toMatchObject({
        code: expect.stringMatching(/^ledger\.(unwritable|unreachable)$/),
        remedy: expect.stringMatching(/./),
      });
      await store.writeBlob('e1-x-4', Buffer.from('fits'), soon());
      await until('what fits is there', async () => (await store.readBlob('e1-x-4', soon())) !== undefined, deadlineMs);
      await store.removeBlob('e1-x-4', soon());
    });

    test.each([
      ['cut off', '{"isthmusLedger":2,"epo', undefined],
      ['of another version', JSON.stringify({ ...EMPTY, isthmusLedger: 3 }), undefined],
      [
        'whole and names a segment that is cut off',
        JSON.stringify({ ...EMPTY, content: ['e1-x-5'] }),
        gzipSync('[]').subarray(0, 12),
      ],
    ])('a head that is %s is left alone, costs nobody what it knew, and is told with its place', async (_, text, blob) => {
      const store = open();
      if (blob !== undefined) await store.writeBlob('e1-x-5', blob, soon());
      const before = await store.readHead(soon());
      const damaged = await store.writeHead(text, before?.version, soon());
      expect(damaged).toBeDefined();
      const ledger = share('a', 3_000, { known: '240.241.0.1' });
      const told = () =>
        ledger.diagnostics.find(({ code, what }) => code === 'ledger.unreachable' && /cannot be read|damaged/.test(what));
      await until('it says so', () => told() !== undefined, deadlineMs);
      expect(told()?.where).toBe(store.where);
      expect(Object.fromEntries(ledger.entries('vip'))).toEqual({ known: '240.241.0.1' });
      expect(leaders()).toEqual([]);
      await until('it is as it was', async () => (await store.readHead(soon()))?.text === text, deadlineMs);
    });

    test('three replicas have one leader and one content, also when the leader goes', async () => {
      const first = open();
      const left = await first.readHead(soon()); // of the cases before
      await first.writeHead(JSON.stringify(EMPTY), left?.version, soon());
      const [a, b, c] = [share('a'), share('b'), share('c')];
      await until('one leads', () => leaders().length === 1, deadlineMs);
      for (let i = 0; i < 1_000; i += 1) leaders()[0]?.put('vip', `host-${i}.test`, `240.241.${i >> 8}.${i & 255}`);
      await until('all have it', () => [a, b, c].every((l) => l.entries('vip').size === 1_000), deadlineMs);
      const [leader] = leaders();
      const epoch = leader?.status.epoch ?? 0;
      await leader?.close();
      const rest = ledgers.filter((ledger) => ledger !== leader);
      await until('another leads', () => rest.some(({ writer }) => writer.isWriter()), deadlineMs);
      rest.find(({ writer }) => writer.isWriter())?.delete('vip', 'host-7.test');
      await until('both have it', () => rest.every((l) => l.entries('vip').size === 999), deadlineMs);
      expect(new Set(rest.map((l) => `${l.revision} ${JSON.stringify([...l.entries('vip')].sort())}`)).size).toBe(1);
      expect(rest[0]?.status.epoch).toBeGreaterThan(epoch);
    }, 120_000);

    test('while the store hangs nobody leads and everyone keeps what there is', async () => {
      if (harness.hang === undefined) return expect(harness.resume).toBeUndefined();
      const [a, b] = [share('a'), share('b')];
      await until('one leads', () => leaders().length === 1, deadlineMs);
      leaders()[0]?.put('held', 'x', { since: 1 });
      await until('both have it', () => [a, b].every((l) => l.get('held', 'x') !== undefined), deadlineMs);
      await harness.hang();
      try {
        await until('nobody leads', () => leaders().length === 0, deadlineMs);
        a.put('held', 'y', { since: 2 });
        b.put('held', 'y', { since: 2 });
        const told = (l: SharedLedger) => l.diagnostics.some((d) => d.code === 'ledger.unreachable');
        await until('both say so', () => [a, b].every(told), deadlineMs);
        for (const ledger of [a, b]) expect([...ledger.entries('held').keys()]).toEqual(['x']);
      } finally {
        await harness.resume?.();
      }
      await until(
        'both have what was wished meanwhile',
        () => [a, b].every((l) => l.get('held', 'y') !== undefined),
        deadlineMs * 2,
      );
    }, 120_000);
  });
}

/** Consul takes 512 KiB, Kubernetes 1 MiB, Nacos 10 MB. */
const TOO_LARGE = 12 * 1024 * 1024;
const EMPTY = { isthmusLedger: 2, epoch: 0, revision: 0, leader: null, leaseMs: 1_000, write: 'e0-test-0', content: [] };
