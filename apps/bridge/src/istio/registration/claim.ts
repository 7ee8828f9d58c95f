import { SocketAddress, isIP, isIPv6 } from 'node:net';
import { AddressRanges } from '@isthmus/catalog';
import { hostOf } from '@isthmus/xds';
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
export const MOST_CHARACTERS = 16_384;

/** Undefined: the node asks for no registration. As istiod reads it: the first of `INSTANCE_IPS`, else the IP of the id. */
export function claimOf(node: NodeInfo, peer: Peer, defaults: ProxyDefaults): Claimed | undefined {
  const { metadata } = node;
  const group = text(metadata['AUTO_REGISTER_GROUP']);
  if (group === '') return undefined;
  const proxy = proxyOf(node, defaults);
  if ('refused' in proxy) return { refused: proxy.refused, remedy: 'correct the bootstrap' };
  // Of several the first counts, and where one of them is no address none of them does.
  const given = text(metadata['INSTANCE_IPS'])
    .split(',')
    .map((one) => one.trim());
  const said = (given.every((one) => isIP(one) !== 0) ? given[0] : node.id.split('~')[1]) ?? '';
  const problem = addressProblem(said, peer);
  if (problem !== undefined)
    return { refused: problem, remedy: 'say in INSTANCE_IPS, or in the node id, at which address its callers reach it' };
  const { region, zone, subzone } = node.locality ?? { region: '', zone: '', subzone: '' };
  const claim: Claim = {
    node: node.id,
    namespace: proxy.namespace,
    group,
    address: canonical(said),
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

const LOOPBACK = new AddressRanges(['127.0.0.0/8', '::1/128']);

/** This network and no address, a link's own, multicast, what is reserved (RFC 6890). */
const NOWHERE = new AddressRanges(['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3', '::/128', 'fe80::/10', 'ff00::/8']);

function addressProblem(said: string, peer: Peer): string | undefined {
  if (isIP(said) === 0) return `its address is ${JSON.stringify(said.slice(0, 64))}, which is no IP`;
  // A zone is one of its own machine's interfaces; of an IPv4-mapped one the other stack would have to listen.
  if (said.includes('%') || canonical(said).startsWith('::ffff:') || NOWHERE.has(said))
    return `its address is ${said}, at which nobody can call a workload`;
  if (LOOPBACK.has(said) && !isLocal(peer))
    return `its address is ${said}, and it connects from another machine: every caller would call itself`;
  return undefined;
}

function isLocal({ address }: Peer): boolean {
  const host = hostOf(address);
  return isIP(host) !== 0 && LOOPBACK.has(host);
}

/** One way to write each, or one workload would have two entries: RFC 5952. */
function canonical(address: string): string {
  return isIPv6(address) ? new SocketAddress({ address: address.replace(/%.*/, ''), family: 'ipv6' }).address : address;
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
