import type { RegistryKind } from '@isthmus/registry';
import { zookeeperConfigSchema } from './config.ts';
import type { ZookeeperConfig } from './config.ts';
import { examineZookeeper } from './doctor.ts';
import { ZookeeperSource } from './source.ts';
import { zookeeperSubscribers } from './subscribers.ts';

export const zookeeperRegistry: RegistryKind<ZookeeperConfig> = {
  kind: 'zookeeper',
  schema: zookeeperConfigSchema,
  registersBySdk: true,
  createSource: (id, config, deps) => new ZookeeperSource(id, config, deps),
  subscribers: (config, key, { baseDir }, signal) => zookeeperSubscribers(config, key, baseDir, signal),
  doctor: examineZookeeper,
};
