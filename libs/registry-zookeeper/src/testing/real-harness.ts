import type { FaultHarness } from '@isthmus/registry/testing';
import { testUser, zookeeperHarness } from './harness.ts';
import type { Level } from './registrations.ts';
import { ZkWriter } from './writer.ts';

/** What the harness needs of a server of `@isthmus/servers`, which a library may not import. */
interface RealZookeeper {
  readonly ports: { readonly client: number };
  kill(): Promise<void>;
  restart(options?: { readonly keepData?: boolean }): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** The contract suite's harness on a real ZooKeeper, whose nodes only their user may read. */
export async function realHarness(start: () => Promise<RealZookeeper>, level: Level): Promise<FaultHarness> {
  const server = await start();
  const { client } = server.ports;
  const writer = new ZkWriter(client, `${testUser.username}:${testUser.password}`);
  const furnish = async () => {
    await writer.connect();
    for (const root of ['/dubbo', '/services']) await writer.set(root);
  };
  await furnish();
  return zookeeperHarness(
    {
      address: () => `127.0.0.1:${client}`,
      set: (path, data) => writer.set(path, data),
      remove: (path) => writer.remove(path),
      down: () => server.kill(),
      up: async ({ keepData }) => {
        await server.restart({ keepData });
        await furnish();
      },
      hang: () => server.pause(),
      resume: () => server.resume(),
      allow: async (mayRead) => {
        for (const root of ['/dubbo', '/services']) await writer.setReadable(root, mayRead);
      },
      close: async () => {
        writer.close();
        await server.stop();
      },
    },
    level,
    { sessionTimeout: '3s', restartGrace: '8s' },
  );
}
