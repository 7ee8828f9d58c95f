import type http from 'node:http';

interface ProxyConfig {
  shouldUseProxy?(host: string, port: number): boolean;
}

/**
 * Whether an agent sends a call by a proxy: one of the npm proxy agents, or Node's own since 24 (`proxyEnv`, `NODE_USE_ENV_PROXY`), which
 * knows the hosts that it leaves out (`NO_PROXY`).
 */
export function usesProxy(agent: http.Agent, host: string, port: number): boolean {
  if ('proxy' in agent) return true;
  const { options } = agent as unknown as { readonly options?: { readonly proxyEnv?: object } };
  if (options?.proxyEnv === undefined || options.proxyEnv === null) return false;
  const key = Object.getOwnPropertySymbols(agent).find(({ description }) => description === 'kProxyConfig');
  if (key === undefined) return true; // a later Node says it elsewhere: rather not past a proxy
  const config = (agent as unknown as Record<symbol, ProxyConfig | null | undefined>)[key];
  if (config === null || config === undefined) return false;
  return config.shouldUseProxy?.(host, port) ?? true;
}
