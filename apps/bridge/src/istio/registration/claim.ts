import { isIP } from 'node:net';
import type { NodeInfo, Peer } from '@isthmus/xds';
import { proxyOf } from '../../mesh/proxy-of.ts';
import type { ProxyDefaults } from '../../mesh/proxy-of.ts';

/** What a node says that makes a WorkloadEntry of its group's template. JSON: it is kept in the ledger. */
export interface Claim {
  readonly node: string;
  readonly namespace: string;
  /** Name of the WorkloadGroup, which is in the same namespace. */
  readonly group: string;
  readonly address: string;
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `region/zone/subzone`; '' where it says none. */
  readonly locality: string;
  /** Its agent probes the workload and reports: until it is well nobody calls it. */
  readonly probed: boolean;
  /** `namespace/serviceaccount` of its certificate's SPIFFE ids; undefined: clients of this listener show no certificates. */
  readonly accounts?: readonly string[];
}

export type Claimed = Claim | { readonly refused: string; readonly remedy: string };

/** Longer ones are no node's: they would fill the ledger. */
const MOST_CHARACTERS = 16_384;

/** Undefined: the node asks for no registration. As istiod reads it: the first of `INSTANCE_IPS`, else the IP of the id. */
export function claimOf(node: NodeInfo, peer: Peer, defaults: ProxyDefaults): Claimed | undefined {
  const { metadata } = node;
  const group = text(metadata['AUTO_REGISTER_GROUP']);
  if (group === '') return undefined;
  const proxy = proxyOf(node, defaults);
  if ('refused' in proxy) return { refused: proxy.refused, remedy: 'correct the bootstrap' };
  // Of several the first counts, and where one of them is no address none of them does.
  const said = text(metadata['INSTANCE_IPS'])
    .split(',')
    .map((one) => one.trim());
  const address = (said.every((one) => isIP(one) !== 0) ? said[0] : node.id.split('~')[1]) ?? '';
  const problem = addressProblem(address, peer);
  if (problem !== undefined)
    return { refused: problem, remedy: 'say in INSTANCE_IPS, or in the node id, at which address its callers reach it' };
  const { region, zone, subzone } = node.locality ?? { region: '', zone: '', subzone: '' };
  const claim: Claim = {
    node: node.id,
    namespace: proxy.namespace,
    group,
    address: address.toLowerCase(),
    network: proxy.network,
    // The locality is said by itself, and a label has no slashes.
    labels: Object.fromEntries(Object.entries(proxy.labels).filter(([name]) => name !== 'istio-locality')),
    locality: [region, zone, subzone].join('/').replace(/\/+$/, ''),
    probed: isProbed(metadata['PROXY_CONFIG']),
    ...(peer.identity === undefined ? {} : { accounts: accountsOf(peer.identity.uris) }),
  };
  if (JSON.stringify(claim).length > MOST_CHARACTERS)
    return { refused: `its labels and names have more than ${MOST_CHARACTERS} characters`, remedy: 'shorten them' };
  return claim;
}

/** As istiod makes it: colons of IPv6 are none of a name, and too long a name loses its beginning. */
export function entryName({ group, address, network }: Claim): string {
  const name = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])].join('-');
  return name.slice(-253);
}

function addressProblem(address: string, peer: Peer): string | undefined {
  const family = isIP(address);
  if (family === 0) return `its address is ${JSON.stringify(address.slice(0, 64))}, which is no IP`;
  const first = Number(address.split('.')[0]);
  if (family === 4 ? first === 0 || first >= 224 : /^(?:::|ff.*|::ffff:.*)$/i.test(address) || address.includes('%'))
    return `its address is ${address}, at which nobody can call a workload`;
  if (isLoopback(address) && !isLoopback(peer.address.replace(/:\d+$/, '')))
    return `its address is ${address}, and it connects from another machine: every caller would call itself`;
  return undefined;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}

/** istioctl writes a group's probe into the agent's ProxyConfig, which the agent passes on with the node. */
function isProbed(proxyConfig: unknown): boolean {
  const probe = typeof proxyConfig === 'object' && proxyConfig !== null ? Reflect.get(proxyConfig, 'readinessProbe') : undefined;
  return probe !== undefined && probe !== null;
}

function accountsOf(uris: readonly string[]): readonly string[] {
  return uris.flatMap((uri) => {
    const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(uri) ?? [];
    return namespace === undefined ? [] : [`${namespace}/${account}`];
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
