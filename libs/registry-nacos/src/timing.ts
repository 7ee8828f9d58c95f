/** Times and limits that users need not set; tests shorten them. Times are milliseconds. */
export interface NacosTiming {
  /** Nacos ejects silent clients, and some that only answer its detection (docs/facts.md): 5 s keeps all alive. */
  readonly healthCheckEvery: number;
  /** Deadline of one request, handshake and login included; a server that hangs is noticed after this and the time above. */
  readonly requestDeadline: number;
  /** Base of the jittered backoff between connection attempts; at most 30 s. */
  readonly reconnectBase: number;
  /** How often groups are looked for where `*` is configured. */
  readonly groupsEvery: number;
  /** Nacos 3: fuzzy watches are compared with what we know. */
  readonly fuzzyResyncEvery: number;
  /** Every service is queried once in this time, in case a push was lost. */
  readonly verifyEvery: number;
  /** `api: auto` on HTTP: how often the gRPC port is tried again. */
  readonly grpcProbeEvery: number;
  /** One message or answer may have this many bytes (50,000 instances have about 18 MB); above it, it is refused while it is read. */
  readonly mostMessageBytes: number;
}

export const defaultTiming: NacosTiming = {
  healthCheckEvery: 5_000,
  requestDeadline: 5_000,
  reconnectBase: 500,
  groupsEvery: 30_000,
  fuzzyResyncEvery: 60_000,
  verifyEvery: 600_000,
  grpcProbeEvery: 60_000,
  mostMessageBytes: 32 * 1024 * 1024,
};
