/** A dead endpoint that is, or is to be, out of service at its registry: `GET /api/v1/corrections` */
export interface CorrectionView {
  /** Service id. */
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** What is, or was last, to be written. */
  readonly action: 'disable' | 'enable';
  /** `pending`: will be written; `dry-run`: would be; `failed`: the registry cannot be told; `disabled`: it was told. */
  readonly state: 'pending' | 'dry-run' | 'failed' | 'disabled';
  /** "Pod shop/orders-7d9 is gone" */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Why it failed. */
  readonly cause?: string;
}

/** A service that is in a registry and in Kubernetes, and what they say differently: `GET /api/v1/diff?host=` */
export interface DiffView {
  readonly host: string;
  /** Service id in the registry. */
  readonly registry: string;
  /** Service id in Kubernetes. */
  readonly kubernetes: string;
  /** Kubernetes has no such service. */
  readonly missing: boolean;
  readonly policy: 'registry' | 'kubernetes' | 'both';
  /** Empty: they agree. Sorted by place. */
  readonly differences: readonly DifferenceView[];
}

export interface DifferenceView {
  readonly kind: 'only-registry' | 'only-kubernetes' | 'port' | 'health' | 'labels';
  /** `address:port`, or an address. */
  readonly at: string;
  readonly registry?: string;
  readonly kubernetes?: string;
}
