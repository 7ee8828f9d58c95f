/** What the SDKs of a target's callers see of it, against what the mesh sees: `GET /api/v1/shadow?host=` */
export interface ShadowView {
  readonly host: string;
  readonly port: number;
  /** Processes whose SDK's view was compared. */
  readonly processes: number;
  /** Matched ÷ union over these processes, of what differs for longer than the window; 1: they are equal. */
  readonly similarity: number;
  /** A difference counts once it is as old as this. */
  readonly windowMs: number;
  /** Sorted by place; those that do not count yet too. */
  readonly divergences: readonly ShadowDivergenceView[];
}

export interface ShadowDivergenceView {
  /** `address:port` */
  readonly at: string;
  readonly kind: 'only-sdk' | 'only-mesh' | 'health' | 'weight' | 'zone' | 'protocol';
  /** What the SDK has, where it lists the place. */
  readonly sdk?: string;
  readonly mesh?: string;
  /** Why, of the list in docs/agent-shadow.md. */
  readonly code: string;
  readonly explanation: string;
  /** For how long the process that has it longest has it, ms. */
  readonly forMs: number;
  /** It is older than the window. */
  readonly counts: boolean;
  readonly processes: number;
  /** `service/instance`, at most 20, sorted. */
  readonly seenBy: readonly string[];
}
