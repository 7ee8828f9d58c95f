import type { Diagnostic } from '@isthmus/model';
import { ClientTLSSettings_TLSmode as Mode } from '@isthmus/proto/istio';
import type { IstioObject, TrafficPolicy } from '@isthmus/proto/istio';
import { EJECTION_ANNOTATION, parseEjection } from './clusters/ejection.ts';
import { HEALTH_CHECK_ANNOTATION, parseHealthCheck } from './clusters/health-checks.ts';
import { isNoServerName } from './listeners/chain.ts';

/** What of a valid VirtualService Envoy cannot do, and what happens instead. */
export function sniDiagnostics({ spec, place }: IstioObject<'VirtualService'>): readonly Diagnostic[] {
  const names = spec.tls.flatMap(({ match }) => match.flatMap(({ sniHosts }) => sniHosts)).filter(isNoServerName);
  return [...new Set(names)].map((name) => ({
    code: 'istio.warning',
    severity: 'warning',
    where: place,
    what: `tls: sniHosts has ${JSON.stringify(name)}, and Envoy compares whole labels of server names only`,
    meaning:
      'TLS connections are not told by that name; istiod sends it, and Envoy then refuses the listener with all else on its port',
    remedy: 'write *.example.com, or every name',
  }));
}

/** What of a valid DestinationRule Isthmus cannot do, and what happens instead. */
export function ruleDiagnostics(rule: IstioObject<'DestinationRule'>): readonly Diagnostic[] {
  const { annotations, spec } = rule;
  const found: Diagnostic[] = [];
  const say = (what: string, meaning: string, remedy: string): void => {
    found.push({ code: 'istio.warning', severity: 'warning', where: rule.place, what, meaning, remedy });
  };
  const check = annotations[HEALTH_CHECK_ANNOTATION];
  const parsed = check === undefined ? undefined : parseHealthCheck(check);
  if (parsed !== undefined && 'problem' in parsed) {
    const what = `the annotation ${HEALTH_CHECK_ANNOTATION} cannot be used: ${parsed.problem}`;
    say(what, 'instances are not checked', 'write it as {path: /health, interval: 5s}; docs/health-checks.md has all fields');
  }
  const ejection = annotations[EJECTION_ANNOTATION];
  const ejects = ejection === undefined ? undefined : parseEjection(ejection);
  if (ejects !== undefined && 'problem' in ejects) {
    const what = `the annotation ${EJECTION_ANNOTATION} cannot be used: ${ejects.problem}`;
    say(what, 'hosts are ejected for errors in a row only', 'write it as {failurePercentage: 50}; docs/lift.md has all fields');
  }
  const policies = [
    { place: 'trafficPolicy', policy: spec.trafficPolicy },
    ...spec.subsets.map(({ name, trafficPolicy }) => ({ place: `subset ${name}`, policy: trafficPolicy })),
  ];
  for (const { place, policy } of policies)
    for (const one of unsupported(policy)) say(`${place}: ${one.what}`, one.meaning, one.remedy);
  return found;
}

interface Unsupported {
  readonly what: string;
  readonly meaning: string;
  readonly remedy: string;
}

function unsupported(policy: TrafficPolicy | undefined): readonly Unsupported[] {
  if (policy === undefined) return [];
  const modes = [policy.tls, ...policy.portLevelSettings.map(({ tls }) => tls)].filter((tls) => tls !== undefined);
  return [
    ...(modes.some(({ mode }) => mode === Mode.ISTIO_MUTUAL) ? [NO_AUTHORITY] : []),
    ...(modes.some(({ credentialName }) => credentialName !== '') ? [NO_SECRETS] : []),
  ];
}

const NO_AUTHORITY: Unsupported = {
  what: 'tls.mode ISTIO_MUTUAL needs a certificate authority, and Isthmus has none yet',
  meaning: 'no call goes out: each is refused rather than sent in clear',
  remedy: 'use SIMPLE or MUTUAL with files, or DISABLE, or keep such calls on a mesh with istiod',
};
const NO_SECRETS: Unsupported = {
  what: 'tls.credentialName names a Secret, and Isthmus does not deliver secrets yet',
  meaning: 'no call goes out: each is refused rather than sent in clear',
  remedy: 'use caCertificates, clientCertificate and privateKey with files on the callers’ machines',
};
