import { isHop, labPaths, type Hop } from './hop.ts';
import { get } from './services/sdk/http-call.ts';
import type { TrafficStats } from './traffic-stats.ts';

export interface LoadOptions {
  readonly webPort: number;
  /** Checkouts a second, each by both ways. */
  readonly perSecond: number;
  /** Checkouts that may be under way; when that many are, the next one is left out. */
  readonly maxInFlight: number;
  readonly stats: TrafficStats;
  readonly signal: AbortSignal;
}

/** Gentle, steady load on `/checkout` until the signal. */
export function startLoad({ webPort, perSecond, maxInFlight, stats, signal }: LoadOptions): void {
  let inFlight = 0;
  const timer = setInterval(() => {
    if (inFlight >= maxInFlight) return;
    inFlight += 1;
    void checkout(webPort, 'both')
      .then((answer) => labPaths.forEach((path) => stats.record(path, answer[path])))
      .finally(() => (inFlight -= 1));
  }, 1000 / perSecond);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

/** Never rejects: a web that does not answer is an unavailable hop by both ways. */
export async function checkout(webPort: number, path: 'sdk' | 'mesh' | 'both'): Promise<Readonly<Record<'sdk' | 'mesh', Hop>>> {
  try {
    const { status, text } = await get({ host: '127.0.0.1', port: webPort, path: `/checkout?path=${path}`, timeoutMs: 6_000 });
    if (status !== 200) throw new Error(`web answered ${status}`);
    const answer = JSON.parse(text) as Readonly<Record<string, unknown>>;
    return { sdk: hopOf(answer['sdk'], 'sdk'), mesh: hopOf(answer['mesh'], 'mesh') };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { sdk: noWeb('sdk', reason), mesh: noWeb('mesh', reason) };
  }
}

function hopOf(value: unknown, path: 'sdk' | 'mesh'): Hop {
  return isHop(value) ? value : noWeb(path, 'web did not go this way');
}

function noWeb(path: 'sdk' | 'mesh', reason: string): Hop {
  return { service: 'web', path, unavailable: reason, pending: false };
}
