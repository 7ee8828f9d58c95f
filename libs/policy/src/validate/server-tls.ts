import {
  CIPHER_SUITES,
  isCipherSuite,
  ServerTLSSettings_TLSProtocol as Version,
  ServerTLSSettings_TLSmode as Mode,
} from '@isthmus/proto/istio';
import type { ServerTLSSettings } from '@isthmus/proto/istio';
import type { Spot } from './spot.ts';

export function checkServerTls(tls: ServerTLSSettings | undefined, at: Spot): void {
  if (tls === undefined) return;
  if ((tls.minProtocolVersion === Version.TLSV1_0 || tls.minProtocolVersion === Version.TLSV1_1) && tls.cipherSuites.length === 0)
    at.at('minProtocolVersion').warn('allows versions for which no cipher suite is on', 'name cipherSuites, or use TLSV1_2');
  checkCiphers(tls.cipherSuites, at.at('cipherSuites'));
  if (tls.mode === Mode.ISTIO_MUTUAL) return checkIstioMutual(tls, at);
  const { serverCertificate, privateKey, caCertificates, caCrl, credentialName, credentialNames, tlsCertificates } = tls;
  const isPassThrough = tls.mode === Mode.PASSTHROUGH || tls.mode === Mode.AUTO_PASSTHROUGH;
  const texts = [caCrl, serverCertificate, privateKey, caCertificates, credentialName];
  if (isPassThrough && (texts.some((text) => text !== '') || tlsCertificates.length + credentialNames.length > 0))
    at.warn(
      'has certificates, which a mode that only passes through does not use',
      'take them out, or use mode SIMPLE or MUTUAL',
    );
  const sources = [
    serverCertificate !== '' && privateKey !== '',
    credentialName !== '',
    credentialNames.length > 0,
    tlsCertificates.length > 0,
  ];
  if (sources.filter(Boolean).length > 1)
    at.error(
      'has certificates from several sources',
      'keep one of credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates',
    );
  const isMutual = tls.mode === Mode.MUTUAL || tls.mode === Mode.OPTIONAL_MUTUAL;
  if ((tls.mode === Mode.SIMPLE || isMutual) && (credentialName !== '' || credentialNames.length > 0)) return;
  if (tls.mode === Mode.SIMPLE || isMutual) checkCertificates(tls, isMutual, at);
  if (caCrl === '') return;
  if (credentialName !== '') at.at('caCrl').error('and credentialName exclude each other', 'put the list into the credential');
  if (tls.mode === Mode.SIMPLE)
    at.at('caCrl').error('is of no use with mode SIMPLE, which asks clients for no certificate', 'use MUTUAL, or take it out');
}

function checkCiphers(suites: readonly string[], at: Spot): void {
  for (const [i, suite] of suites.entries()) {
    // What begins with an operator is an expression of BoringSSL.
    const isKnown = isCipherSuite(suite);
    if (!isKnown)
      at.at(i).warn(
        `is ${JSON.stringify(suite)}, which Envoy does not have: it is ignored`,
        `use some of ${CIPHER_SUITES.join(', ')}`,
      );
    else if (suites.indexOf(suite) < i)
      at.at(i).warn(`is ${JSON.stringify(suite)}, which is there already: it is ignored`, 'take it out');
  }
}

function checkIstioMutual(tls: ServerTLSSettings, at: Spot): void {
  for (const field of [
    'serverCertificate',
    'privateKey',
    'caCertificates',
    'credentialName',
    'tlsCertificates',
    'credentialNames',
  ] as const)
    if (tls[field].length > 0)
      at.at(field).error('is set, and ISTIO_MUTUAL uses the mesh’s own certificates', 'take it out, or use mode MUTUAL');
}

function checkCertificates(tls: ServerTLSSettings, isMutual: boolean, at: Spot): void {
  const { tlsCertificates } = tls;
  if (isMutual && tls.caCertificates === '')
    at.error('has no caCertificates, which mode MUTUAL needs', 'add them, or a credentialName');
  if (tlsCertificates.length > 2)
    at.at('tlsCertificates').warn(`has ${tlsCertificates.length} certificates`, 'use two at most: one RSA, one ECDSA');
  for (const [i, { serverCertificate, privateKey }] of (tlsCertificates.length > 0 ? tlsCertificates : [tls]).entries()) {
    const here = tlsCertificates.length > 0 ? at.at('tlsCertificates', i) : at;
    if (serverCertificate === '') here.error('has no serverCertificate', 'add it, or a credentialName');
    if (privateKey === '') here.error('has no privateKey', 'add it, or a credentialName');
  }
}
