import type { ViewEndpoint } from '@isthmus/contract';
import { processViews } from '../views/process-views.ts';
import { processRegistrations } from '../provider/registration-book.ts';
import type { Registration } from '../provider/registration.ts';

/** Where the wrappers of registry clients say what they saw. Services are named as in `AgentTarget.sdkNames`. */
export interface RegistryObserver {
  /** All that the client now has of a service. */
  view(sdkName: string, endpoints: readonly ViewEndpoint[]): void;
  /** A bug of the client was seen, by its code in docs/agent-registries.md. */
  bug(sdkName: string, code: ClientBug, message: string): void;
  /** It has begun to, and is told of it by `registered` when this promise is kept. */
  registering(work: unknown): void;
  /** This process has registered an instance by its client. */
  registered(registration: Registration): void;
  /** It has been taken out again by its owner. */
  deregistered(id: string): void;
  /** A fault of a wrapper, which the client does not notice. */
  fault(error: unknown): void;
}

/** What is wrong with the clients, each seen at a real registry by a test of its name. */
export type ClientBug =
  | 'nacos-last-removal-missed'
  | 'nacos-older-answer-taken'
  | 'nacos-lookup-stuck'
  | 'nacos-caches-differ'
  | 'nacos-beat-too-late'
  | 'nacos-beat-under-way'
  | 'nacos-weight-zero-is-one'
  | 'nacos-polls-after-close'
  | 'nacos-password-in-url'
  | 'consul-watch-ended'
  | 'consul-watch-unguarded'
  | 'consul-watch-slept'
  | 'consul-call-hangs'
  | 'consul-rights-hide-instances'
  | 'consul-weights-dropped'
  | 'eureka-delta-hits-another'
  | 'eureka-delta-keeps-down'
  | 'eureka-delta-drifts'
  | 'eureka-empty-ignored'
  | 'eureka-back-after-stop';

/** The views and registrations of this process: the agent, started before or after, reads them. */
export function processObserver(): RegistryObserver {
  const views = processViews();
  const registrations = processRegistrations();
  return {
    view: (sdkName, endpoints) => views.observe(sdkName, endpoints),
    bug: (sdkName, code, message) => views.bug(sdkName, code, message),
    // The book may be an older copy's, which knows only what is there.
    registering: (work) => (registrations as Partial<typeof registrations>).begin?.(work),
    registered: (registration) => registrations.add(registration),
    deregistered: (id) => registrations.remove(id),
    fault: (error) =>
      views.bug('', 'wrapper-fault', `a wrapper of a registry client failed, the client goes on: ${String(error)}`),
  };
}
