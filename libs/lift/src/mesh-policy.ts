/** What a mesh can do of an SDK's policies, in Envoy's terms; what is left out the mesh is not asked for. Times are ms. */
export interface MeshPolicy {
  /** Of a call, all its attempts together; 0: none. */
  readonly timeout?: number;
  readonly retries?: MeshRetries;
  readonly ejection?: MeshEjection;
  /** Calls under way at once, of one sidecar. */
  readonly maxRequests?: number;
  /** Calls that wait for a connection, of one sidecar. */
  readonly maxPending?: number;
  readonly loadBalancer?: 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM';
}

export interface MeshRetries {
  /** Beside the first attempt. */
  readonly attempts: number;
  readonly perTryTimeout?: number;
  /** Envoy's conditions and status codes. */
  readonly retryOn: readonly string[];
  readonly backoff?: number;
  /** Of HTTP; undefined: every method. */
  readonly methods?: readonly string[];
}

export interface MeshEjection {
  /** 5xx answers of a host in a row; 0: not for that. */
  readonly consecutive5xx: number;
  /** 1–100: at least this share of a host's requests within `interval`, of at least `requests`. */
  readonly failurePercentage?: number;
  readonly requests?: number;
  readonly interval?: number;
  readonly baseEjectionTime?: number;
}

/** `exact`: the same for callers. `approximate`: `how` says what is different. `lossy`: it is left out. `blocked`: it is code, or cannot be. */
export type Fidelity = 'exact' | 'approximate' | 'lossy' | 'blocked';

/** What became of one option of an SDK's policy. */
export interface FieldReport {
  readonly field: string;
  readonly value: unknown;
  readonly fidelity: Fidelity;
  /** Where it is in the output: `VirtualService.timeout`. */
  readonly to?: string;
  readonly how: string;
}

export interface Lifted {
  readonly mesh: MeshPolicy;
  readonly fields: readonly FieldReport[];
}

export const TO = {
  timeout: 'VirtualService http.timeout',
  attempts: 'VirtualService http.retries.attempts',
  perTry: 'VirtualService http.retries.perTryTimeout',
  retryOn: 'VirtualService http.retries.retryOn',
  backoff: 'VirtualService http.retries.backoff',
  methods: 'VirtualService http.match.method',
  percentage: 'isthmus.dev/ejection failurePercentage',
  requests: 'isthmus.dev/ejection requests',
  consecutive: 'DestinationRule outlierDetection.consecutive5xxErrors',
  interval: 'DestinationRule outlierDetection.interval',
  ejection: 'DestinationRule outlierDetection.baseEjectionTime',
  maxRequests: 'DestinationRule connectionPool.http.http2MaxRequests',
  maxPending: 'DestinationRule connectionPool.http.http1MaxPendingRequests',
  balancer: 'DestinationRule loadBalancer.simple',
} as const;
