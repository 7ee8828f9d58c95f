import { isIP } from 'node:net';
import { NOWHERE } from '@isthmus/model';
import type { Proxy } from '@isthmus/translate';
import type { NodeInfo, Refusal } from '@isthmus/xds';

/** A node that claims more is refused: labels and addresses decide how many groups there are. */
const MOST_LABELS = 64;
const MOST_ADDRESSES = 32;

export interface ProxyDefaults {
  /** Namespace of a node that names none. */
  readonly namespace: string;
  /** Mesh domain, `cluster.local`. */
  readonly domain: string;
}

/**
 * Reads a node as Istio writes it: `sidecar~10.0.0.7~orders-1.shop~shop.svc.cluster.local` with metadata `NAMESPACE`,
 * `LABELS`, `INSTANCE_IPS`, `CLUSTER_ID`, `NETWORK`, `INTERCEPTION_MODE`, `HTTP_PROXY_PORT`, `GENERATOR`. An id of any
 * other form is a sidecar that says nothing of itself. Claims, all of it: never an identity.
 */
export function proxyOf(node: NodeInfo, defaults: ProxyDefaults): Proxy | Refusal {
  const { metadata } = node;
  const [kind, address, , dnsDomain] = idParts(node.id);
  if (kind === 'waypoint' || kind === 'ztunnel') return refusal('node id', kind, 'ambient proxies are not served');
  const egress = egressOf(metadata);
  if (egress !== undefined && 'refused' in egress) return egress;
  const interception = interceptionOf(metadata);
  if (typeof interception !== 'string') return interception;
  const labels = Object.entries(record(metadata['LABELS'])).filter(isText);
  if (labels.length > MOST_LABELS) return refusal('metadata LABELS', `${labels.length} labels`, `the most is ${MOST_LABELS}`);
  const addresses = addressesOf(metadata, address);
  if (addresses.length > MOST_ADDRESSES)
    return refusal('metadata INSTANCE_IPS', `${addresses.length} addresses`, `the most is ${MOST_ADDRESSES}`);
  const namespace = text(metadata['NAMESPACE']) || namespaceOf(dnsDomain) || defaults.namespace;
  return {
    kind: kind === 'router' ? 'router' : 'sidecar',
    grpc: text(metadata['GENERATOR']) === 'grpc' || node.userAgent.startsWith('gRPC'),
    namespace,
    dnsDomain: dnsDomain ?? `${namespace}.svc.${defaults.domain}`,
    addresses,
    ...consumerOf(kind, node, namespace),
    labels: Object.fromEntries(labels.sort(([a], [b]) => (a < b ? -1 : 1))),
    interception,
    egress,
    locality: node.locality ?? NOWHERE,
    cluster: text(metadata['CLUSTER_ID']),
    network: text(metadata['NETWORK']),
  };
}

/** Istio's own order of what a workload is called; the first is ours, the label of the agent's `ISTHMUS_SERVICE`. */
const NAMES = ['isthmus.dev/service', 'service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app'] as const;

/**
 * The service whose calls go through it, as plans name consumers: by a label, else `WORKLOAD_NAME`, else the node's `cluster`, which is
 * Envoy's own word for it (Istio adds the namespace). A false claim gains nothing: it routes nobody's calls but the claimer's.
 */
function consumerOf(kind: string | undefined, { metadata, cluster }: NodeInfo, namespace: string): Pick<Proxy, 'consumer'> {
  if (kind === 'router') return {};
  const labels = record(metadata['LABELS']);
  const said = [...NAMES.map((name) => labels[name]), metadata['WORKLOAD_NAME']].map(text);
  const consumer =
    said.find((name) => name !== '') ?? (cluster.endsWith(`.${namespace}`) ? cluster.slice(0, -namespace.length - 1) : cluster);
  return consumer === '' ? {} : { consumer };
}

const KINDS = new Set(['sidecar', 'router', 'waypoint', 'ztunnel']);

function idParts(id: string): readonly (string | undefined)[] {
  const parts = id.split('~');
  return parts.length === 4 && KINDS.has(parts[0] as string) ? parts : [];
}

function egressOf(metadata: NodeInfo['metadata']): Proxy['egress'] | Refusal {
  const said = metadata['HTTP_PROXY_PORT'];
  if (said === undefined || said === '') return undefined;
  const port = Number(said);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return refusal('metadata HTTP_PROXY_PORT', said, 'it must be a port between 1 and 65535');
  return { address: metadata['HTTP_PROXY_ADDRESS'] === '0.0.0.0' ? '0.0.0.0' : '127.0.0.1', port };
}

function interceptionOf(metadata: NodeInfo['metadata']): Proxy['interception'] | Refusal {
  const said = text(metadata['INTERCEPTION_MODE']);
  if (said === '') return 'explicit';
  const mode = said.toLowerCase();
  if (mode === 'redirect' || mode === 'tproxy' || mode === 'none') return mode;
  return refusal('metadata INTERCEPTION_MODE', said, 'it must be REDIRECT, TPROXY or NONE');
}

function addressesOf(metadata: NodeInfo['metadata'], ofId: string | undefined): readonly string[] {
  const said = text(metadata['INSTANCE_IPS']).split(',');
  return [...new Set([ofId ?? '', ...said].map((address) => address.trim()))].filter((address) => isIP(address) !== 0);
}

/** `shop.svc.cluster.local` */
function namespaceOf(dnsDomain: string | undefined): string {
  const [namespace, svc] = (dnsDomain ?? '').split('.');
  return svc === 'svc' ? (namespace ?? '') : '';
}

function refusal(what: string, said: unknown, wanted: string): Refusal {
  return { refused: `${what} is ${JSON.stringify(said)}; ${wanted}` };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function isText(entry: [string, unknown]): entry is [string, string] {
  return typeof entry[1] === 'string';
}
