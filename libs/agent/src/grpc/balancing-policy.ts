import type { LiftedPolicy } from '@isthmus/contract';
import { applicationVersion } from '../resilience/application-library.ts';

/** How a channel balances by its own service config, to be told; without one `pick_first`, as gRPC does. */
export function balancingPolicy(own: unknown, host: string): LiftedPolicy {
  return {
    host,
    library: 'grpc-js',
    version: applicationVersion('@grpc/grpc-js'),
    name: 'grpc-js',
    policy: 'balancing',
    options: { loadBalancingConfig: firstPolicy(own) },
  };
}

/** @param own JSON that grpc-js has checked when the channel was made: a list of objects with one name each */
function firstPolicy(own: unknown): string {
  const { loadBalancingConfig = [] } = (typeof own === 'string' ? JSON.parse(own) : {}) as {
    readonly loadBalancingConfig?: readonly object[];
  };
  return Object.keys(loadBalancingConfig[0] ?? {})[0] ?? 'pick_first';
}
