import { ClientTLSSettings_TLSmode } from '@isthmus/proto/istio';
import type { ClientTLSSettings } from '@isthmus/proto/istio';
import type { Spot } from './spot.ts';

const { MUTUAL, SIMPLE } = ClientTLSSettings_TLSmode;
const CONFIG_MAP = 'configmap://';

export function checkClientTls(namespace: string, tls: ClientTLSSettings | undefined, at: Spot): void {
  if (tls === undefined) return;
  const { mode, credentialName, caCertificates, subjectAltNames, clientCertificate, privateKey, caCrl } = tls;
  if (credentialName.startsWith(CONFIG_MAP))
    checkConfigMap(namespace, credentialName.slice(CONFIG_MAP.length), at.at('credentialName'));
  const verifies = caCertificates !== '' || subjectAltNames.length > 0;
  if (
    tls.insecureSkipVerify === true &&
    ((mode === SIMPLE && (verifies || credentialName !== '')) || (mode === MUTUAL && verifies))
  )
    at.at('insecureSkipVerify').error(
      'skips what other fields ask to verify',
      'take it out, or caCertificates, credentialName and subjectAltNames',
    );
  if ((mode === SIMPLE || mode === MUTUAL) && credentialName !== '') {
    if (clientCertificate !== '' || caCertificates !== '' || privateKey !== '' || caCrl !== '')
      at.at('credentialName').error('and files exclude each other', 'keep credentialName, or the files');
    return;
  }
  if (mode !== MUTUAL) return;
  if (clientCertificate === '') at.error('has no clientCertificate, which MUTUAL needs', 'add it, or a credentialName');
  if (privateKey === '') at.error('has no privateKey, which MUTUAL needs', 'add it, or a credentialName');
}

function checkConfigMap(namespace: string, name: string, at: Spot): void {
  const [owner, configMap = ''] = name.split('/');
  if (owner !== namespace || configMap === '')
    at.error(`names no ConfigMap of the namespace ${namespace}`, `write configmap://${namespace}/NAME`);
}
