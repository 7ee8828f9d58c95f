import { MemoryServer, MemoryStore } from './memory-store.ts';
import { describeStoreContract } from './store-contract.ts';

describeStoreContract('the store in memory', async () => {
  const server = new MemoryServer();
  const stores: MemoryStore[] = [];
  const cut = (is: boolean) => async () => {
    for (const store of stores) store.cut = is;
    server.tell();
  };
  return {
    open: () => {
      const store = new MemoryStore(server);
      stores.push(store);
      return store;
    },
    hang: cut(true),
    resume: cut(false),
    canList: true,
    hasPasswords: false,
    close: async () => undefined,
  };
});
