import type { Config } from '@isthmus/config';
import type { RegistryKind } from '@isthmus/registry';

/** A valid config whose registries are of the kinds that this program has. */
export type BridgeConfig = Config<RegistryKind>;
