import { AsyncLocalStorage } from 'node:async_hooks';

/** How a seam's headers are read: a function of its own for each kind of client, so that a decision makes no closure. */
export type HeaderReader = (carrier: unknown, name: string) => string | undefined;

export type Sticky =
  { readonly by: 'header' | 'cookie'; readonly name: string } | { readonly by: 'trace' } | { readonly by: 'key' } | undefined;

/** The agent that decides may be another copy of this package than the one that the application imports. */
const STORE = Symbol.for('isthmus.sticky-key');
const shared = globalThis as { [STORE]?: AsyncLocalStorage<string> };
const current = (shared[STORE] ??= new AsyncLocalStorage<string>());

/**
 * Runs `body`; its calls, those after an `await` too, have this key for targets whose plan says `stickyBy: key`: calls of equal keys
 * take the same way. A key within counts instead of the one around it. @param key of a user, an order, a tenant; `''` is none
 */
export function withStickyKey<T>(key: string, body: () => T): T {
  return current.run(key, body);
}

/** @param text as `AgentTarget.stickyBy` has it; checked when the plan was read */
export function stickyOf(text: string | undefined): Sticky {
  if (text === undefined) return undefined;
  if (text === 'trace' || text === 'key') return { by: text };
  const [by, name = ''] = text.split(/:(.*)/);
  return by === 'cookie' ? { by, name } : { by: 'header', name: name.toLowerCase() };
}

/** What keeps a call with others; undefined when it does not have it. */
export function keyOf(sticky: Exclude<Sticky, undefined>, read: HeaderReader | undefined, carrier: unknown): string | undefined {
  if (sticky.by === 'key') return current.getStore() || undefined;
  if (read === undefined) return undefined;
  switch (sticky.by) {
    case 'header':
      return read(carrier, sticky.name);
    case 'cookie':
      return cookieOf(read(carrier, 'cookie'), sticky.name);
    case 'trace':
      // W3C: version-TRACEID-parent-flags. B3: TRACEID-span-…, or in a header of its own.
      return read(carrier, 'traceparent')?.split('-')[1] ?? read(carrier, 'b3')?.split('-')[0] ?? read(carrier, 'x-b3-traceid');
    default:
      return sticky satisfies never;
  }
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
