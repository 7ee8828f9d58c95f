import { describe, expect, test } from '@jest/globals';
import { MemoryServer, MemoryStore } from '@isthmus/ledger/testing';
import { examineLedger } from './doctor-ledger.ts';

const soon = () => AbortSignal.timeout(10_000);
const HEAD = {
  isthmusLedger: 1,
  epoch: 7,
  revision: 42,
  leader: { id: 'bridge-0' },
  leaseMs: 15_000,
  write: 'e7-x-1',
  content: [],
};

describe('doctor, of a shared ledger', () => {
  test('says that it can be read and written, and who led last; it leaves nothing behind', async () => {
    const server = new MemoryServer();
    expect(await examineLedger(new MemoryStore(server), soon())).toMatchObject([
      { level: 'ok', what: expect.stringContaining('no ledger in it yet') },
      { level: 'ok' },
    ]);
    server.write(JSON.stringify(HEAD));
    const [read, written] = await examineLedger(new MemoryStore(server), soon());
    expect(read?.what).toBe('memory can be read: epoch 7, revision 42, bridge-0 led last');
    expect(written?.level).toBe('ok');
    expect(server.blobs.size).toBe(0);
  });

  test('says what is wrong and what to do when it cannot be reached, or holds something else', async () => {
    const server = new MemoryServer();
    const store = new MemoryStore(server);
    store.cut = true;
    expect(await examineLedger(store, soon())).toMatchObject([{ level: 'error', what: 'memory: the store is cut off' }]);
    server.write('{"isthmusLedger":3}');
    expect(await examineLedger(new MemoryStore(server), soon())).toMatchObject([
      { level: 'error', what: expect.stringContaining('format 3'), remedy: expect.stringContaining('one version') },
    ]);
  });
});
