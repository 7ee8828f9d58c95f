import { http } from '@isthmus/servers';
import { duration, type ViewModel } from './live-view.ts';

/** What the live view shows of the bridge's registries, from its control API (`GET /api/v1/sources`); empty while it does not answer. */
export async function bridgeSources(controlPort: number, now: () => number = Date.now): Promise<ViewModel['sources']> {
  try {
    const { status, body } = await http(controlPort, '/api/v1/sources', { signal: AbortSignal.timeout(900) });
    return status === 200 ? describeSources(JSON.parse(body), now()) : [];
  } catch {
    return [];
  }
}

export function describeSources(answer: unknown, now: number): ViewModel['sources'] {
  const { items } = answer as { readonly items?: readonly Record<string, unknown>[] };
  return (items ?? []).map(({ source, state, since, endpoints }) => {
    const age = typeof since === 'number' ? ` for ${duration(Math.max(0, now - since) / 1000)}` : '';
    return { name: String(source), state: `${String(state)}${age} (${String(endpoints)} endpoints)` };
  });
}
