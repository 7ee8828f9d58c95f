interface AgentOptions {
  readonly connect?: unknown;
  readonly tls?: unknown;
}

/**
 * Why calls by HTTPS of this dispatcher cannot go to another instance: it has to be an Agent of undici (5 to 8, or Node's own), which checks a
 * certificate by the Host of the request, and by nothing of its own instead.
 */
export function whyNotSecurely(dispatcher: object): string | undefined {
  const key = Object.getOwnPropertySymbols(dispatcher).find(({ description }) => description === 'options');
  const options = key === undefined ? undefined : (dispatcher as Readonly<Record<symbol, AgentOptions | undefined>>)[key];
  if (options === undefined) return 'it is HTTPS, and its dispatcher is not one that is known to check certificates by the Host';
  const { connect, tls } = options;
  if (typeof connect === 'function') return 'it is HTTPS, and its dispatcher connects in a way of its own';
  const isNamed = [connect, tls].some(
    (one) => (one as { readonly servername?: unknown } | null | undefined)?.servername !== undefined,
  );
  return isNamed ? 'it is HTTPS, and its dispatcher has one name of a server for all (connect.servername)' : undefined;
}

/** Of undici 8, additive only. */
const GLOBAL_8 = Symbol.for('undici.globalDispatcher.2');

/**
 * Who connects for a global dispatcher. Where undici 8 was loaded first, Node's own `fetch` and older copies find a `Dispatcher1Wrapper`, which
 * keeps its dispatcher to itself: it is the one that undici 8 sets as its own in the same turn, before it (`lib/global.js`).
 */
export function connectorOf(dispatcher: object): object {
  const own = (globalThis as Readonly<Record<symbol, unknown>>)[GLOBAL_8];
  return isWrapper(dispatcher) && typeof own === 'object' && own !== null && !isWrapper(own) ? own : dispatcher;
}

function isWrapper({ constructor }: object): boolean {
  return constructor.name === 'Dispatcher1Wrapper';
}
