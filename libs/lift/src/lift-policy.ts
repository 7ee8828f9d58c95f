import type { LiftedPolicy } from '@isthmus/contract';
import { fromAxios, fromAxiosRetry, fromUndici } from './from/client-retries.ts';
import { fromCockatiel } from './from/cockatiel.ts';
import { fromDubbo } from './from/dubbo.ts';
import { fromGrpc } from './from/grpc.ts';
import { fromHystrix } from './from/hystrix.ts';
import { fromOpossum } from './from/opossum.ts';
import { fromBulkhead, fromCircuitBreaker, fromRateLimiter, fromRetry, fromTimeLimiter } from './from/resilience4j.ts';
import { fromSentinelDegrade, fromSentinelFlow } from './from/sentinel.ts';
import type { Lifted } from './mesh-policy.ts';

/** By `LiftedPolicy.library`. */
const LIBRARIES: Readonly<Record<string, (options: LiftedPolicy['options']) => Lifted>> = {
  opossum: fromOpossum,
  agent: fromOpossum,
  cockatiel: fromCockatiel,
  undici: fromUndici,
  axios: fromAxios,
  'axios-retry': fromAxiosRetry,
  'grpc-js': fromGrpc,
  'sentinel-flow': fromSentinelFlow,
  'sentinel-degrade': fromSentinelDegrade,
  hystrix: fromHystrix,
  'resilience4j-circuitbreaker': fromCircuitBreaker,
  'resilience4j-retry': fromRetry,
  'resilience4j-timelimiter': fromTimeLimiter,
  'resilience4j-bulkhead': fromBulkhead,
  'resilience4j-ratelimiter': fromRateLimiter,
  dubbo: fromDubbo,
};

/** What a mesh makes of one policy. */
export function liftPolicy({ library, options }: LiftedPolicy): Lifted {
  const from = LIBRARIES[library];
  if (from !== undefined) return from(options);
  const how = `policies of ${library} are not known here: ${Object.keys(LIBRARIES).join(', ')} are`;
  return { mesh: {}, fields: [{ field: 'library', value: library, fidelity: 'blocked', how }] };
}
