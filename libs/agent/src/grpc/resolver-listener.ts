import { unavailable } from './grpc-js.ts';
import type { GrpcAddress, GrpcJs } from './grpc-js.ts';

/** 1.14: one function, and results that are a value or an error. */
type ResultListener = (
  endpoints: { readonly ok: true; readonly value: readonly object[] } | { readonly ok: false; readonly error: object },
  attributes: object,
  serviceConfig: null | { readonly ok: true; readonly value: object },
  note: string,
) => boolean;

/** Up to 1.13: an object; its list is one of addresses up to 1.9, of endpoints from 1.10 on. */
interface ObjectListener {
  onSuccessfulResolution(
    list: readonly object[],
    config: object | null,
    configError: null,
    selector: null,
    attributes: object,
  ): void;
  onError(status: object): void;
}

export type AnyListener = ResultListener | ObjectListener;

/** What a resolver tells its channel, whichever grpc-js it is of. */
export interface Reporter {
  /** @param config the service config in force with them; null: the channel's own */
  addresses(list: readonly GrpcAddress[], config: object | null): void;
  failed(details: string): void;
}

export function reporterTo(listener: AnyListener, grpc: GrpcJs): Reporter {
  const asEndpoints = (list: readonly GrpcAddress[]): readonly object[] => list.map((address) => ({ addresses: [address] }));
  if (typeof listener === 'function')
    return {
      addresses: (list, config) =>
        void listener({ ok: true, value: asEndpoints(list) }, {}, config === null ? null : { ok: true, value: config }, ''),
      failed: (details) => void listener({ ok: false, error: unavailable(grpc, details) }, {}, null, ''),
    };
  const hasEndpoints = grpc.experimental.endpointToString !== undefined;
  return {
    addresses: (list, config) => listener.onSuccessfulResolution(hasEndpoints ? asEndpoints(list) : list, config, null, null, {}),
    failed: (details) => listener.onError(unavailable(grpc, details)),
  };
}
