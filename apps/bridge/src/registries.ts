import type { RegistryKind } from '@isthmus/registry';
import { eurekaRegistry } from '@isthmus/registry-eureka';

/** Every kind of registry there is. Adding one is its folder, a line here, and a pass of the contract suite. */
export const registryKinds: readonly RegistryKind[] = [eurekaRegistry];
