import type { RegistryKind } from '@isthmus/registry';

/** Every kind of registry there is. Adding one is its folder, a line here, and a pass of the contract suite. */
export const registryKinds: readonly RegistryKind[] = [];
