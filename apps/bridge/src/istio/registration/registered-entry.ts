import { toJson } from '@bufbuild/protobuf';
import { parseCustomObject } from '@isthmus/policy';
import { WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { IstioObject } from '@isthmus/proto/istio';
import { entryName } from './claim.ts';
import type { Claim } from './claim.ts';

export type Made = { readonly entry: IstioObject<'WorkloadEntry'> } | { readonly problem: string; readonly remedy: string };

/**
 * The WorkloadEntry of a node, as istiod makes it (autoregistration, `workloadEntryFromGroup`): the group's template, then the group's
 * metadata, then what the node says. It is checked like one that is written.
 */
export function registeredEntry(claim: Claim, { spec, name: group }: IstioObject<'WorkloadGroup'>): Made {
  const { namespace, node } = claim;
  const template = spec.template === undefined ? {} : (toJson(WorkloadEntrySchema, spec.template) as Record<string, unknown>);
  const account = spec.template?.serviceAccount ?? '';
  const stranger = mayNot(claim, account);
  if (stranger !== undefined) return stranger;
  const labels = { ...spec.template?.labels, ...spec.metadata?.labels, ...claim.labels };
  const annotations = {
    'istio.io/autoRegistrationGroup': group,
    ...spec.metadata?.annotations,
    ...(claim.probed ? { 'proxy.istio.io/health-checks-enabled': 'true' } : {}),
  };
  const { objects, problems } = parseCustomObject('WorkloadEntry', {
    metadata: {
      name: entryName(claim),
      namespace,
      ...{ labels, annotations },
    },
    spec: {
      ...template,
      address: claim.address,
      labels,
      ...(claim.network === '' ? {} : { network: claim.network }),
      ...(claim.locality === '' ? {} : { locality: claim.locality }),
    },
  });
  const [entry] = objects;
  if (entry === undefined) {
    const error = problems.find(({ severity }) => severity === 'error');
    return { problem: `its ${error?.what ?? 'WorkloadEntry is not valid'}`, remedy: error?.remedy ?? 'correct its bootstrap' };
  }
  return { entry: { ...(entry as IstioObject<'WorkloadEntry'>), place: `proxy ${node}` } };
}

/** Who has proven who it is registers in its own namespace, and as the account that the group is for. */
function mayNot(
  { accounts, namespace }: Claim,
  account: string,
): { readonly problem: string; readonly remedy: string } | undefined {
  if (accounts === undefined) return undefined;
  const wanted = account === '' ? `an account of ${namespace}` : `${namespace}/${account}`;
  if (accounts.some((one) => (account === '' ? one.startsWith(`${namespace}/`) : one === wanted))) return undefined;
  const shown = accounts.length === 0 ? 'no SPIFFE id' : accounts.join(' and ');
  return {
    problem: `its certificate has ${shown}, and the group takes ${wanted}`,
    remedy: `give it a certificate with spiffe://TRUST-DOMAIN/ns/${namespace}/sa/${account === '' ? 'ACCOUNT' : account}`,
  };
}
