import { HttpInspectorSchema, OriginalDstSchema, OriginalSrcSchema, TlsInspectorSchema } from '@isthmus/proto/envoy';
import { typed } from './typed.ts';

/** Reads the name that a TLS client asks for. 512 bytes are enough for nearly all; the buffer grows when they are not. */
export const TLS_INSPECTOR = typed('envoy.filters.listener.tls_inspector', TlsInspectorSchema, { initialReadBufferSize: 512 });
/** Tells HTTP from anything else. */
export const HTTP_INSPECTOR = typed('envoy.filters.listener.http_inspector', HttpInspectorSchema);
/** Where the caller wanted to go before iptables sent it here. */
export const ORIGINAL_DST = typed('envoy.filters.listener.original_dst', OriginalDstSchema);
/** TPROXY keeps the caller's address; 1337 is the mark that Istio's iptables rules let pass. */
export const ORIGINAL_SRC = typed('envoy.filters.listener.original_src', OriginalSrcSchema, { mark: 1337 });
