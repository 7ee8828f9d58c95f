import type { SidecarSeen } from '../sidecar-watch.ts';
import type { HeaderReader } from '../sticky.ts';
import { readDispatched } from '../undici/dispatched-headers.ts';
import { traceHeadersFor } from '../trace-context.ts';
import { whileRunning, within } from './placed-call.ts';
import type { PlacedCall } from './placed-call.ts';

/** What breakers, retry loops and deadlines ask of the agent. */
export interface TargetCalls {
  /**
   * A call that begins, or the one that it is a part of; undefined for a target that no plan names.
   * @param headers of the request, for shares that stick: an object, pairs, a flat list or `Headers`
   */
  readonly place: (target: string, headers?: unknown) => PlacedCall | undefined;
  /** `host:port` of what `place` would find. */
  readonly authorityOf: (target: string) => string | undefined;
  /** Absent in an older agent, which a wrapper of another copy of the package may meet. */
  readonly sidecar?: SidecarSeen;
  readonly within: <T>(call: PlacedCall, run: () => T) => { readonly result: T; readonly ended: () => void };
  readonly whileRunning: <T>(call: PlacedCall, run: () => Promise<T>) => Promise<T>;
}

const readNothing: HeaderReader = () => undefined;

/** The request's own headers, and else the trace that goes along with it. */
const read: HeaderReader = (headers, name) =>
  readDispatched(headers, name) ?? traceHeadersFor(readNothing, undefined).find(([key]) => key === name)?.[1];

interface Placing {
  place(target: string, read: HeaderReader, carrier: unknown): PlacedCall | undefined;
  authorityOf(target: string): string | undefined;
}

export function targetCalls(placing: Placing, sidecar: SidecarSeen): TargetCalls {
  return {
    sidecar,
    place: (target, headers) => placing.place(target, read, headers),
    authorityOf: (target) => placing.authorityOf(target),
    within,
    whileRunning,
  };
}
