/** The application's own `@grpc/grpc-js`, 1.8 to 1.14: the agent has none. */
export interface GrpcJs {
  readonly experimental: {
    registerResolver(scheme: string, resolver: unknown): void;
    /** Since 1.10, when lists of addresses became lists of endpoints. */
    readonly endpointToString?: unknown;
  };
  readonly status: { readonly UNAVAILABLE: number };
  readonly Metadata: new () => unknown;
}

export interface GrpcAddress {
  readonly host: string;
  readonly port: number;
}

/** 1.14: one function, and results that are a value or an error. */
type ResultListener = (
  endpoints: { readonly ok: true; readonly value: readonly object[] } | { readonly ok: false; readonly error: object },
  attributes: object,
  serviceConfig: null,
  note: string,
) => boolean;

/** Up to 1.13: an object; its list is one of addresses up to 1.9, of endpoints from 1.10 on. */
interface ObjectListener {
  onSuccessfulResolution(list: readonly object[], config: null, configError: null, selector: null, attributes: object): void;
  onError(status: object): void;
}

export type AnyListener = ResultListener | ObjectListener;

/** What a resolver tells its channel, whichever grpc-js it is of. The channel's own service config stays in force. */
export interface Reporter {
  addresses(list: readonly GrpcAddress[]): void;
  failed(details: string): void;
}

export function reporterTo(listener: AnyListener, grpc: GrpcJs): Reporter {
  const asEndpoints = (list: readonly GrpcAddress[]): readonly object[] => list.map((address) => ({ addresses: [address] }));
  const statusOf = (details: string): object => ({
    code: grpc.status.UNAVAILABLE,
    details,
    metadata: new grpc.Metadata(),
  });
  if (typeof listener === 'function')
    return {
      addresses: (list) => void listener({ ok: true, value: asEndpoints(list) }, {}, null, ''),
      failed: (details) => void listener({ ok: false, error: statusOf(details) }, {}, null, ''),
    };
  const hasEndpoints = grpc.experimental.endpointToString !== undefined;
  return {
    addresses: (list) => listener.onSuccessfulResolution(hasEndpoints ? asEndpoints(list) : list, null, null, null, {}),
    failed: (details) => listener.onError(statusOf(details)),
  };
}
