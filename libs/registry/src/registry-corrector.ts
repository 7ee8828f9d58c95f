import type { Endpoint, ServiceKey } from '@isthmus/model';

/** An instance as the registry lists it. */
export interface CorrectionTarget {
  readonly key: ServiceKey;
  readonly endpoint: Endpoint;
}

/** `absent`: the registry does not list it any more, so there is nothing to do. */
export type CorrectionOutcome = 'done' | 'absent';

/**
 * Takes single instances out of service at the registry itself, so that SDK callers stop calling what is dead, and lets
 * them in again. Never deregisters: the instance's own client goes on to renew it. Both calls may be repeated.
 *
 * @throws IsthmusError `registry.unreachable`, `.timeout`, `.auth` (lacks the right) or `.protocol`
 */
export interface RegistryCorrector {
  disable(target: CorrectionTarget, signal: AbortSignal): Promise<CorrectionOutcome>;
  enable(target: CorrectionTarget, signal: AbortSignal): Promise<CorrectionOutcome>;
  /** Asks for the right to do either to instances of that service, and changes nothing. Throws like them. */
  mayCorrect(key: ServiceKey, signal: AbortSignal): Promise<void>;
  close(): void;
}
