/** The application's own `@grpc/grpc-js`, 1.8 to 1.14: the agent has none. Where its versions differ is told by shape. */
export interface GrpcJs {
  readonly experimental: {
    registerResolver(scheme: string, resolver: unknown): void;
    registerLoadBalancerType(name: string, policy: never, config: never): void;
    createChildChannelControlHelper(parent: never, own: never): unknown;
    /** One child policy; what is below of it differs by version and is passed through. */
    readonly ChildLoadBalancerHandler: unknown;
    readonly QueuePicker: unknown;
    readonly UnavailablePicker: unknown;
    /** Up to 1.9: configs of policies are objects of their classes. */
    readonly validateLoadBalancingConfig?: unknown;
    /** Since 1.10: they are JSON until a policy is made. */
    readonly parseLoadBalancingConfig?: unknown;
    /** Since 1.10, when lists of addresses became lists of endpoints. */
    readonly endpointToString?: unknown;
  };
  readonly status: { readonly UNAVAILABLE: number };
  readonly Metadata: new () => unknown;
}

export interface ControlHelper {
  updateState(state: number, picker: Picker, error?: string | null): void;
  requestReresolution(): void;
}

export interface ChildPolicy {
  updateAddressList(list: unknown, config: unknown, ...more: readonly unknown[]): unknown;
  exitIdle(): void;
  resetBackoff(): void;
  destroy(): void;
}

export interface PickResult {
  readonly pickResultType: number;
  readonly onCallStarted: (() => void) | null;
  readonly onCallEnded: ((...values: readonly unknown[]) => void) | null;
}

export interface Picker {
  pick(call: unknown): PickResult;
}

export interface GrpcAddress {
  readonly host: string;
  readonly port: number;
}

/** `connectivityState` of every version. */
export const CONNECTIVITY = { IDLE: 0, CONNECTING: 1, READY: 2, TRANSIENT_FAILURE: 3 } as const;
/** `PickResultType` of every version. */
export const PICKED = 0;

/** As one status of gRPC. */
export function unavailable(grpc: GrpcJs, details: string): object {
  return { code: grpc.status.UNAVAILABLE, details, metadata: new grpc.Metadata() };
}
