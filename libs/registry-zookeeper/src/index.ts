import type { RegistryKind } from '@isthmus/registry';
import { zookeeperConfigSchema } from './config.ts';
import type { ZookeeperConfig } from './config.ts';
import { examineZookeeper } from './doctor.ts';
import { ZookeeperSource } from './source.ts';

export const zookeeperRegistry: RegistryKind<ZookeeperConfig> = {
  kind: 'zookeeper',
  schema: zookeeperConfigSchema,
  registersBySdk: true,
  createSource: (id, config, deps) => new ZookeeperSource(id, config, deps),
  doctor: examineZookeeper,
};
