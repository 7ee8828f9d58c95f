/** Lists whose order Envoy does not look at; istiod's own order of some changes from one run to the next. By the key they are under. */
const unordered: Readonly<Record<string, string>> = {
  domains: 'a virtual host is found by its most specific domain',
  virtualHosts: 'they share no domain',
  filterChains: 'a chain is found by its most specific match',
  serverNames: 'any of them matches',
  prefixRanges: 'any of them matches',
  applicationProtocols: 'any of them matches',
  queryParameters: 'all of them must match',
  endpoints: 'localities of a ClusterLoadAssignment; their priority is a field',
  lbEndpoints: 'the hosts of a locality are a set',
  retriableStatusCodes: 'a set',
  requestHeadersToRemove: 'a set',
  responseHeadersToRemove: 'a set',
};

/** Matchers of headers of one route: all of them must match. `headers` elsewhere is something else. */
export function isUnordered(key: string, parent: string): boolean {
  return key in unordered || (key === 'headers' && parent === 'match');
}
