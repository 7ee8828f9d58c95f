/** Dispatchers of undici that cannot be put behind the agent, and why. By name: an application may have several undicis. */
const WHY: Readonly<Record<string, string>> = {
  Client: 'is bound to one origin, so a call cannot leave for the egress; use an Agent, which makes its own',
  Pool: 'is bound to one origin, so a call cannot leave for the egress; use an Agent, which makes its own',
  RoundRobinPool: 'is bound to one origin, so a call cannot leave for the egress; use an Agent, which makes its own',
  BalancedPool: 'picks among origins itself; use an Agent, and call what the SDK picked',
  H2CClient: 'speaks HTTP/2, which the egress takes by gRPC only; use an Agent',
  ProxyAgent: 'sends calls by a proxy, which the egress is not behind; leave such calls where they are',
  EnvHttpProxyAgent: 'sends calls by a proxy, which the egress is not behind; leave such calls where they are',
  Socks5ProxyAgent: 'sends calls by a proxy, which the egress is not behind; leave such calls where they are',
  RetryAgent: 'repeats calls that the sidecar may repeat too; wrap the agent inside of it: new RetryAgent(wrapDispatcher(agent))',
};

/** @returns `undici's Pool is bound to …`; undefined for what can be wrapped */
export function whyUnwrappable(dispatcher: object): string | undefined {
  // An application's own class stands on one of undici's. Bundled, as in Node itself, names may begin with an underscore.
  for (
    let at: unknown = Object.getPrototypeOf(dispatcher);
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    const name = ((at as { readonly constructor?: { readonly name?: string } }).constructor?.name ?? '').replace(/^_/, '');
    const why = Object.hasOwn(WHY, name) ? WHY[name] : undefined;
    if (why !== undefined) return `undici's ${name} ${why}`;
  }
  return undefined;
}
