import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  ProxyProtocolUpstreamTransportSchema,
  RawBufferSchema,
  TlsParameters_TlsProtocol,
  UpstreamTlsContextSchema,
} from '@isthmus/proto/envoy';
import { ClientTLSSettings_TLSmode as Mode } from '@isthmus/proto/istio';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { ClientTLSSettings, TrafficPolicy_ProxyProtocol } from '@isthmus/proto/istio';
import type { ClusterInit, HttpInit } from './connection-pool.ts';

type TransportSocket = NonNullable<ClusterInit['transportSocket']>;

/** Where Debian, Ubuntu and Envoy's own images have the public certificate authorities. */
const SYSTEM_CA = '/etc/ssl/certs/ca-certificates.crt';

/** True for the modes that need nothing but files. */
export function usesTlsFiles(tls: ClientTLSSettings | undefined): tls is ClientTLSSettings {
  if (tls === undefined || tls.credentialName !== '') return false;
  return tls.mode === Mode.SIMPLE || (tls.mode === Mode.MUTUAL && tls.clientCertificate !== '' && tls.privateKey !== '');
}

/**
 * True where the rule wants TLS that cannot be had: ISTIO_MUTUAL needs a certificate authority, `credentialName` a secret, and
 * Isthmus has neither yet. Who asks for TLS must not be given plain TCP: no call goes out, and the rule has a diagnostic.
 */
export function isRefused(tls: ClientTLSSettings | undefined): boolean {
  return tls !== undefined && tls.mode !== Mode.DISABLE && !usesTlsFiles(tls);
}

/** A handshake that no server can complete: before it, nothing of a call is sent (`UF`, CERTIFICATE_VERIFY_FAILED). */
export function refusingSocket(): TransportSocket {
  const context = create(UpstreamTlsContextSchema, {
    commonTlsContext: {
      validationContextType: { case: 'validationContext', value: { verifyCertificateHash: [NOBODYS_HASH] } },
    },
  });
  return socket('envoy.transport_sockets.tls', anyPack(UpstreamTlsContextSchema, context));
}

/** SHA-256 of no certificate. */
const NOBODYS_HASH = '0'.repeat(64);

/**
 * TLS to the upstream with the files that the rule names.
 * @param alternativeNames of the ServiceEntry, used where the rule names none
 */
export function tlsSocket(tls: ClientTLSSettings, http2: boolean, alternativeNames: readonly string[]): TransportSocket {
  const context = create(UpstreamTlsContextSchema, {
    sni: tls.sni,
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
        tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      },
      ...(tls.mode === Mode.MUTUAL && {
        tlsCertificates: [{ certificateChain: file(tls.clientCertificate), privateKey: file(tls.privateKey) }],
      }),
      validationContextType: { case: 'validationContext', value: validation(tls, alternativeNames) },
      ...(http2 && { alpnProtocols: ['h2'] }),
    },
  });
  return socket('envoy.transport_sockets.tls', anyPack(UpstreamTlsContextSchema, context));
}

/**
 * The name of the caller's request is what the server must show, unless the rule says which names.
 * @param named hosts are what callers name (`forwardProxyHead`): it must be that name whatever else the rule says
 */
export function namesByRequest(tls: ClientTLSSettings, named: boolean): HttpInit['upstreamHttpProtocolOptions'] {
  const autoSni = tls.sni === '';
  const autoSanValidation = (named || (autoSni && tls.subjectAltNames.length === 0)) && tls.insecureSkipVerify !== true;
  return autoSni || autoSanValidation ? { autoSni, autoSanValidation } : undefined;
}

/** PROXY protocol around what is there, or around plain TCP. */
export function proxyProtocolSocket(
  { version }: TrafficPolicy_ProxyProtocol,
  inner: TransportSocket | undefined,
): TransportSocket {
  const transportSocket = inner ?? socket('raw_buffer', anyPack(RawBufferSchema, create(RawBufferSchema)));
  const upstream = create(ProxyProtocolUpstreamTransportSchema, { config: { version }, transportSocket });
  return socket('envoy.transport_sockets.upstream_proxy_protocol', anyPack(ProxyProtocolUpstreamTransportSchema, upstream));
}

function validation(tls: ClientTLSSettings, alternativeNames: readonly string[]) {
  if (tls.insecureSkipVerify === true) return {};
  const names = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : alternativeNames;
  return {
    trustedCa: file(tls.caCertificates === '' ? SYSTEM_CA : tls.caCertificates),
    matchSubjectAltNames: names.map((name) => ({ matchPattern: { case: 'exact' as const, value: name } })),
    ...(tls.caCrl !== '' && { crl: file(tls.caCrl) }),
  };
}

function socket(name: string, value: Any): TransportSocket {
  return { name, configType: { case: 'typedConfig', value } };
}

function file(value: string) {
  return { specifier: { case: 'filename' as const, value } };
}
