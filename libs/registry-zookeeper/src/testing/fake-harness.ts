import type { FaultHarness } from '@isthmus/registry/testing';
import { FakeZookeeper } from './fake-zookeeper.ts';
import { testUser, zookeeperHarness } from './harness.ts';
import type { Level } from './registrations.ts';

/** The contract suite's harness on the scripted wire. */
export async function fakeHarness(level: Level): Promise<FaultHarness> {
  const fake = await FakeZookeeper.start();
  const protect = (password: string) => {
    for (const root of ['/dubbo', '/services']) fake.tree.protect(root, `${testUser.username}:${password}`);
  };
  const furnish = () => {
    for (const root of ['/dubbo', '/services']) fake.tree.set(root);
    protect(testUser.password);
  };
  furnish();
  return zookeeperHarness(
    {
      address: () => fake.address,
      set: async (path, data) => fake.tree.set(path, data),
      remove: async (path) => fake.tree.remove(path),
      down: () => fake.down(),
      up: async ({ keepData }) => {
        if (!keepData) {
          fake.tree.clear();
          furnish();
        }
        await fake.up();
      },
      hang: () => fake.hang(),
      resume: () => fake.resume(),
      connections: async () => fake.connections,
      allow: async (mayRead) => protect(mayRead ? testUser.password : 'another'),
      close: () => fake.down(),
    },
    level,
    { sessionTimeout: '1s', restartGrace: '1s' },
  );
}
