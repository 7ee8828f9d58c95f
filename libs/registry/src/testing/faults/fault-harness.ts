import type { Clock } from '@isthmus/model';
import type { RegistrySource } from '../../registry-source.ts';
import type { RegistryHarness } from '../harness.ts';

/** A registry that the fault table is tried on. What is absent it cannot do; the suite wants the reason. */
export interface FaultHarness extends RegistryHarness {
  readonly faults: {
    /**
     * A source that takes its time from the clock, and with `port` reaches the server there instead of at the first of `ports`.
     */
    open(options: { readonly clock: Clock; readonly port?: number }): Promise<RegistrySource>;
    /** Where the server listens; the others keep their distance to the first. Undefined: there is no connection. */
    readonly ports?: readonly [number, ...number[]];
    /** From now on the source's credentials are worth nothing; those of providers, and what is registered, stay. */
    revoke?(): Promise<void>;
    restore?(): Promise<void>;
  };
}
