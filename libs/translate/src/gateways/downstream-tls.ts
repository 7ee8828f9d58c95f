import { CertificateValidationContext_TrustChainVerification as Trust } from '@isthmus/proto/envoy';
import { ServerTLSSettings_TLSmode, isCipherSuite } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DownstreamTlsContextSchema } from '@isthmus/proto/envoy';
import type { Server } from './server.ts';

type Settings = NonNullable<Server['tls']>;
type Context = MessageInitShape<typeof DownstreamTlsContextSchema>;

/** Why TLS cannot be terminated here; undefined: it can. */
export function whyNoTls(tls: Settings): string | undefined {
  if (tls.mode === ServerTLSSettings_TLSmode.ISTIO_MUTUAL) return 'ISTIO_MUTUAL needs an authority that gives out certificates';
  if (tls.credentialName !== '' || tls.credentialNames.length > 0)
    return 'credentialName needs secrets that Isthmus does not serve';
  const certificates = certificatesOf(tls);
  const complete = certificates.length > 0 && certificates.every((c) => c.serverCertificate !== '' && c.privateKey !== '');
  return complete ? undefined : 'it names no certificate and key';
}

/** TLS with certificates from files on the router's machine; Envoy reads them itself. `whyNoTls` has said that it can be. */
export function downstreamTls(tls: Settings): Context {
  const mutual = tls.mode === ServerTLSSettings_TLSmode.MUTUAL;
  const validates = mutual || tls.mode === ServerTLSSettings_TLSmode.OPTIONAL_MUTUAL;
  const suites = [...new Set(tls.cipherSuites.filter(isCipherSuite))];
  const params = {
    ...(tls.minProtocolVersion !== 0 && { tlsMinimumProtocolVersion: tls.minProtocolVersion }),
    ...(tls.maxProtocolVersion !== 0 && { tlsMaximumProtocolVersion: tls.maxProtocolVersion }),
    ...(suites.length > 0 && { cipherSuites: suites }),
  };
  return {
    requireClientCertificate: mutual,
    commonTlsContext: {
      alpnProtocols: ['h2', 'http/1.1'],
      ...(Object.keys(params).length > 0 && { tlsParams: params }),
      tlsCertificates: certificatesOf(tls).map(({ serverCertificate, privateKey }) => ({
        certificateChain: file(serverCertificate),
        privateKey: file(privateKey),
      })),
      ...(validates && {
        validationContextType: {
          case: 'validationContext' as const,
          value: {
            ...(tls.caCertificates !== '' && { trustedCa: file(tls.caCertificates) }),
            ...(tls.caCrl !== '' && { crl: file(tls.caCrl) }),
            // A certificate is asked for, and whose it is does not matter.
            ...(tls.insecureSkipVerify === true && { trustChainVerification: Trust.ACCEPT_UNTRUSTED }),
            matchSubjectAltNames: tls.subjectAltNames.map((name) => ({ matchPattern: { case: 'exact' as const, value: name } })),
          },
        },
      }),
    },
  };
}

function certificatesOf(tls: Settings): readonly Pick<Settings, 'serverCertificate' | 'privateKey'>[] {
  return tls.tlsCertificates.length > 0 ? tls.tlsCertificates : [tls];
}

function file(filename: string) {
  return { specifier: { case: 'filename' as const, value: filename } };
}
