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
