import type { RegistryKind } from '@isthmus/registry';
import { consulRegistry } from '@isthmus/registry-consul';
import { eurekaRegistry } from '@isthmus/registry-eureka';
import { fileRegistry } from '@isthmus/registry-file';
import { kubernetesRegistry } from '@isthmus/registry-kubernetes';
import { mcpRegistry } from '@isthmus/registry-mcp';
import { nacosRegistry } from '@isthmus/registry-nacos';
import { zookeeperRegistry } from '@isthmus/registry-zookeeper';

/** Every kind of registry there is. Adding one is its folder, a line here, and a pass of the contract suite. */
export const registryKinds: readonly RegistryKind[] = [
  nacosRegistry,
  consulRegistry,
  eurekaRegistry,
  fileRegistry,
  kubernetesRegistry,
  mcpRegistry,
  zookeeperRegistry,
];
