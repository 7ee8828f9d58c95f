import { isOnlyUnhealthy, takesTraffic } from '@isthmus/model';
import type { Endpoint } from '@isthmus/model';

/** Whether its registry calls it unhealthy now, and it is published as one that gets requests. */
export function hasTurned(published: Endpoint, listed: Endpoint | undefined): boolean {
  return listed !== undefined && isOnlyUnhealthy(listed) && takesTraffic(published);
}

/** How many get requests. */
export function wellOf(endpoints: readonly Endpoint[]): number {
  let well = 0;
  for (const endpoint of endpoints) if (takesTraffic(endpoint)) well += 1;
  return well;
}
