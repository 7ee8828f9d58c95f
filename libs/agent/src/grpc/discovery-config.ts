/** Of a channel's own config: what is kept beside another policy of balancing. */
interface OwnConfig {
  readonly methodConfig?: readonly { readonly timeout?: unknown }[];
  readonly retryThrottling?: unknown;
}

/**
 * The service config of a channel that the agent balances: the channel's own one (`grpc.service_config`: retries, timeouts), which a resolver's
 * replaces as a whole, with another policy of balancing.
 * @param own JSON that grpc-js has checked when the channel was made
 * @param policy as the version of grpc-js has it: JSON, or an object of the config's class
 */
export function discoveryConfig(own: unknown, policy: object): object {
  const { methodConfig = [], retryThrottling } = (typeof own === 'string' ? JSON.parse(own) : {}) as OwnConfig;
  return {
    loadBalancingConfig: [policy],
    methodConfig: methodConfig.map((one) => ('timeout' in one ? { ...one, timeout: durationOf(one.timeout) } : one)),
    ...(retryThrottling === undefined ? {} : { retryThrottling }),
  };
}

/** As grpc-js has them once they are checked; `1.5s` is how JSON has them. */
function durationOf(timeout: unknown): unknown {
  if (typeof timeout !== 'string') return timeout;
  const [seconds = '0', part = ''] = timeout.slice(0, -1).split('.');
  return { seconds: Number(seconds), nanos: Number(part.padEnd(9, '0')) };
}
