import { rankOf } from '@isthmus/ladder';
import { currentAgent } from '../process-agent.ts';

/** What `@nestjs/terminus` takes for the result of an indicator; nothing of it is needed. */
export type IsthmusHealthResult = Record<string, { status: 'up' | 'down' } & Record<string, unknown>>;

/**
 * A service is well without its sidecar: the SDK has its calls then, and the result says which. Not at `retired`: such a target has nobody
 * else, so one that the sidecar cannot take is `down`.
 */
export class IsthmusHealth {
  /** For terminus 11 and 12, and as it is: `() => health.isHealthy()`. */
  isHealthy(key = 'isthmus'): IsthmusHealthResult {
    const agent = currentAgent();
    if (agent === undefined) return { [key]: { status: 'up', agent: 'none: every call is the SDK’s' } };
    const views = agent.view();
    const lower = views.filter(({ desired, effective }) => rankOf(effective) < rankOf(desired));
    const lost = lower.filter(({ desired }) => desired === 'retired');
    return {
      [key]: {
        status: lost.length === 0 ? 'up' : 'down',
        plan: agent.planVersion,
        targets: views.length,
        lower: lower.map(({ target, desired, effective }) => `${target}: ${effective}, not ${desired}`),
      },
    };
  }

  /** For terminus up to 10, which takes a result for good unless it is thrown. @throws what terminus knows as HealthCheckError */
  check(key = 'isthmus'): IsthmusHealthResult {
    const result = this.isHealthy(key);
    if (result[key]?.status === 'up') return result;
    throw Object.assign(new Error(`${key} is down`), { isHealthCheckError: true, causes: result });
  }
}
