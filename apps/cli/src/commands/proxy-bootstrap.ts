import { isIP } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { INTERCEPTIONS, envoyBootstrap, nodeNamespace, parseAddress } from '../bootstrap.ts';
import type { Address, BootstrapInput, Interception } from '../bootstrap.ts';
import { grpcBootstrap } from '../grpc-bootstrap.ts';
import { isLoopbackName } from '../control-client.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, readText, withControl } from '../options.ts';
import type { ControlOptions } from '../options.ts';
import { settingsOfBridge, settingsOfFiles } from '../proxy-config.ts';
import type { ProxySettings } from '../proxy-config.ts';
import { terminalSafe } from '../terminal-safe.ts';

type Locality = NonNullable<BootstrapInput['locality']>;

const EGRESS: Address = { host: '127.0.0.1', port: 15_004 };
/** As `istio.rootNamespace` of the bridge's config. */
const ROOT_NAMESPACE = 'istio-system';

interface BootstrapOptions extends ControlOptions {
  readonly node: string;
  readonly xds: Address;
  readonly egress?: Address;
  readonly interception?: Interception;
  readonly label: Readonly<Record<string, string>>;
  readonly locality?: Locality;
  readonly clusterId?: string;
  readonly network?: string;
  readonly admin: Address;
  readonly metrics: Address;
  readonly sotw?: true;
  readonly grpc?: true;
  readonly xdsCa?: string;
  readonly xdsCert?: string;
  readonly xdsKey?: string;
  readonly xdsTokenFile?: string;
  readonly workloadGroup?: string;
  readonly rules?: string;
  readonly rootNamespace?: string;
  readonly askBridge?: true;
}

/** `isthmus proxy bootstrap` */
export function addBootstrap(proxy: Command, io: Io): void {
  const command = proxy
    .command('bootstrap')
    .description('Print the bootstrap of an Envoy beside a workload: static parts, and where the dynamic ones come from.')
    .requiredOption('--node <id>', 'node id: sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local; router~… for an edge', nodeId)
    .requiredOption('--xds <host:port>', 'xDS output of the bridge (outputs.xds.listen)', address)
    .addOption(
      new Option(
        '--egress <ip:port>',
        'where the workload sends its calls, by Host header (default: 127.0.0.1:15004 for a sidecar without --interception)',
      ).argParser(egressAddress),
    )
    .addOption(
      new Option(
        '--interception <mode>',
        'how else they come: iptables to 15001 and 15006 (REDIRECT, TPROXY), or loopback listeners per service port (NONE)',
      ).choices(INTERCEPTIONS),
    )
    .option('--label <name=value>', 'label of the workload, for selectors; may be given again', label, {})
    .option('--locality <region/zone/subzone>', 'where it runs, to prefer what is near', locality)
    .option('--cluster-id <name>', "the workload's cluster")
    .option('--network <name>', "the workload's network")
    .option('--workload-group <name>', "WorkloadGroup of the node's namespace, by which it registers the workload", groupName)
    .option(
      '--rules <path>',
      "file or directory with Istio's objects: its ProxyConfigs count (concurrency, ISTIO_META_… variables)",
    )
    .option(
      '--root-namespace <name>',
      `of --rules: whose ProxyConfig holds where the others say nothing (default: ${ROOT_NAMESPACE})`,
    )
    .option('--ask-bridge', 'the ProxyConfigs that count are those of the running bridge at --control, also from Kubernetes')
    .addOption(addressOption('--admin <host:port>', "Envoy's admin interface", '127.0.0.1:15000'))
    .addOption(addressOption('--metrics <host:port>', 'Prometheus metrics, at /stats/prometheus', '127.0.0.1:15090'))
    .option('--delta', 'incremental xDS (the default)')
    .option('--sotw', 'state-of-the-world xDS instead of incremental')
    .option('--grpc', 'for a service with proxyless gRPC instead of Envoy: JSON for GRPC_XDS_BOOTSTRAP')
    .option('--xds-ca <file>', 'TLS to the bridge: PEM file with the authorities to trust')
    .option('--xds-cert <file>', 'our client certificate, as PEM')
    .option('--xds-key <file>', 'its key, as PEM')
    .option('--xds-token-file <file>', 'bearer token for the bridge; it is written into the bootstrap')
    .addHelpText(
      'after',
      `
Examples:
  isthmus proxy bootstrap --node sidecar~127.0.0.1~web.default~default.svc.cluster.local --xds 127.0.0.1:15012 > envoy.yaml
  envoy -c envoy.yaml
  curl -H 'Host: orders.default-group.public.nacos' http://127.0.0.1:15004/

  # behind iptables; the IP is the workload's own, by which the bridge knows what it serves
  isthmus proxy bootstrap --node sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local --interception REDIRECT \\
    --label app=web --locality eu/eu-1 --xds isthmus.example:15012 --xds-ca ca.pem > envoy.yaml
  # no proxy: the service's own gRPC; it dials xds:///orders.shop.svc.cluster.local:7070
  isthmus proxy bootstrap --grpc --node sidecar~10.0.0.9~web-2.shop~shop.svc.cluster.local --xds 127.0.0.1:15012 > grpc.json
  GRPC_XDS_BOOTSTRAP=grpc.json node web.js
  # a workload that no registry knows: ServiceEntries that choose the group's labels have it as an endpoint
  isthmus proxy bootstrap --node sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local --workload-group vm --rules istio.d \\
    --xds 127.0.0.1:15012 > envoy.yaml
  # with the ProxyConfigs that a running bridge has in force
  isthmus proxy bootstrap --node sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local --label app=web --ask-bridge \\
    --xds 127.0.0.1:15012 > envoy.yaml
  # at the edge; its ports come from the Gateways whose selector has its labels
  isthmus proxy bootstrap --node router~10.0.0.8~edge-1.edge~edge.svc.cluster.local --label istio=ingressgateway \\
    --xds 127.0.0.1:15012 > envoy.yaml`,
    );
  withControl(command, io).action(async (options: BootstrapOptions & { delta?: true }) => {
    const problem = contradiction(options) ?? contradictionOfSettings(options, command.getOptionValueSource('control') === 'cli');
    if (problem !== undefined) throw new CliError(EXIT.usage, problem);
    const { xdsCa: caFile, xdsCert: certFile, xdsKey: keyFile, xdsTokenFile, label: labels, clusterId, ...input } = options;
    const isOnItsOwn = options.interception === undefined && !isRouter(options.node);
    const { concurrency, metadata, notes } = await settingsOf(options, io);
    for (const note of notes) io.stderr.write(`warning: ${terminalSafe(note)}\n`);
    if (options.grpc === true) {
      io.stdout.write(grpcBootstrap({ ...options, metadata, labels: options.label }));
      return;
    }
    const client = certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile };
    io.stdout.write(
      envoyBootstrap({
        ...input,
        ...(options.egress === undefined && isOnItsOwn ? { egress: EGRESS } : {}),
        ...{ labels, metadata },
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(clusterId === undefined ? {} : { cluster: clusterId }),
        transport: options.sotw === true ? 'sotw' : 'delta',
        ...(caFile === undefined ? {} : { tls: { caFile, ...client } }),
        ...(xdsTokenFile === undefined ? {} : { token: readText(io, xdsTokenFile, '--xds-token-file').trim() }),
      }),
    );
  });
}

async function settingsOf(options: BootstrapOptions, io: Io): Promise<ProxySettings> {
  const { rules, node, label: labels, rootNamespace = ROOT_NAMESPACE } = options;
  const workload = { namespace: nodeNamespace(node) || 'default', labels };
  if (options.askBridge === true) return settingsOfBridge(readClient(options, io), workload);
  if (rules !== undefined) return settingsOfFiles(io, rules, { ...workload, rootNamespace });
  return { concurrency: undefined, metadata: {}, notes: [] };
}

function contradictionOfSettings(options: BootstrapOptions, namesControl: boolean): string | undefined {
  const { rules, rootNamespace, askBridge, tokenFile, caFile } = options;
  if (askBridge !== true)
    return namesControl || tokenFile !== undefined || caFile !== undefined
      ? '--control, --token-file and --ca-file are for --ask-bridge: without it no bridge is asked.'
      : undefined;
  if (rules !== undefined) return 'choose one of --rules and --ask-bridge: ProxyConfigs are taken from one place.';
  return rootNamespace === undefined
    ? undefined
    : "with --ask-bridge the root namespace is the bridge's own (istio.rootNamespace): leave out --root-namespace.";
}

function contradiction(options: BootstrapOptions & { delta?: true }): string | undefined {
  if (options.delta === true && options.sotw === true) return 'choose one of --delta and --sotw.';
  if (options.workloadGroup !== undefined && (addressOf(options.node) === undefined || nodeNamespace(options.node) === ''))
    return "with --workload-group the node id must have the workload's own IP and its namespace, sidecar~10.0.0.7~vm-1.shop~shop.svc.cluster.local: there others call it.";
  if (options.grpc === true) return contradictionOfGrpc(options);
  if (isRouter(options.node) && (options.egress !== undefined || options.interception !== undefined))
    return 'a router takes what its Gateways say: --egress and --interception are for sidecars.';
  if ((options.interception === 'REDIRECT' || options.interception === 'TPROXY') && addressOf(options.node) === undefined)
    return `with --interception ${options.interception} the node id must have the workload's own IP, sidecar~10.0.0.7~…: by it the bridge knows what the workload serves.`;
  if ((options.xdsCert === undefined) !== (options.xdsKey === undefined)) return '--xds-cert and --xds-key belong together.';
  if (options.xdsCert !== undefined && options.xdsCa === undefined) return '--xds-cert needs --xds-ca.';
  if (options.xdsTokenFile !== undefined && options.xdsCa === undefined && !isLoopbackName(options.xds.host)) {
    return `the token would go to ${options.xds.host} without TLS, for everyone on the way to read; use --xds-ca.`;
  }
  return undefined;
}

function contradictionOfGrpc(options: BootstrapOptions & { delta?: true }): string | undefined {
  if (options.delta === true) return 'gRPC speaks state of the world only: leave out --delta.';
  if (options.egress !== undefined || options.interception !== undefined)
    return 'there is no proxy with --grpc: --egress and --interception are for Envoy.';
  if (options.xdsTokenFile !== undefined)
    return "gRPC's bootstrap has no place for a token: use --xds-ca with --xds-cert and --xds-key (outputs.xds.tls.clientCaFile).";
  return (options.xdsCert === undefined) === (options.xdsKey === undefined)
    ? undefined
    : '--xds-cert and --xds-key belong together.';
}

function isRouter(node: string): boolean {
  return node.startsWith('router~');
}

/** The IP in a node id of Istio's form. */
function addressOf(node: string): string | undefined {
  const [, address = ''] = node.split('~');
  return isIP(address) === 0 ? undefined : address;
}

function label(text: string, labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be NAME=VALUE, such as app=orders.');
  return { ...labels, [text.slice(0, at)]: text.slice(at + 1) };
}

function locality(text: string): Locality {
  const [region = '', zone = '', subzone = '', ...more] = text.split('/');
  if (region === '' || more.length > 0) throw new InvalidArgumentError('It must be REGION, REGION/ZONE or REGION/ZONE/SUBZONE.');
  return { region, zone, subzone };
}

function addressOption(flags: string, description: string, preset: string): Option {
  return new Option(flags, description).argParser(address).default(address(preset), preset);
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new InvalidArgumentError('It must be HOST:PORT, such as 127.0.0.1:15012.');
  return parsed;
}

function egressAddress(text: string): Address {
  const parsed = address(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
  // The bridge makes this listener, from HTTP_PROXY_PORT and HTTP_PROXY_ADDRESS in the node's metadata.
  if (parsed.host !== '127.0.0.1' && parsed.host !== '0.0.0.0') {
    throw new InvalidArgumentError(
      'The bridge makes egress listeners on 127.0.0.1 (or, for everyone who can reach it, 0.0.0.0).',
    );
  }
  return parsed;
}

function groupName(text: string): string {
  if (/^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('It must be the name of a WorkloadGroup: lower-case letters, digits, dashes and dots.');
}

function nodeId(text: string): string {
  if (/^[\u0021-\u007e]{1,512}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 512 printable characters without spaces.');
}
