import type { SourceEvent, SourceId, WorkloadEvent } from '@isthmus/model';

/**
 * Reads one registry for as long as the signal lives.
 *
 * A source never ends by itself and never throws for something the registry did: losing it is a `status`
 * event (`stale`), and the source goes on trying with a jittered backoff. It holds at most one pending event
 * per service, so a slow reader costs staleness, never memory.
 */
export interface RegistrySource {
  readonly id: SourceId;
  watch(signal: AbortSignal): AsyncIterable<SourceEvent>;
  /**
   * Where the registry knows what runs behind addresses (Kubernetes): its workloads, with the same promises as `watch`: a
   * complete read is one snapshot, followed by the status `live`; `stale` while it cannot be followed. Independent of
   * `watch`, which need not run.
   */
  workloads?(signal: AbortSignal): AsyncIterable<WorkloadEvent>;
}

/** Services to read; patterns may hold `*`. Default: everything. */
export interface ServiceFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** A predicate over service names; exclude wins over include. */
export function serviceFilter(filter: ServiceFilter): (name: string) => boolean {
  const include = filter.include.map(glob);
  const exclude = filter.exclude.map(glob);
  return (name) => include.some((re) => re.test(name)) && !exclude.some((re) => re.test(name));
}

function glob(pattern: string): RegExp {
  const escaped = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}
