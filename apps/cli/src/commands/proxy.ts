import type { ProxyConfigView, ProxyList } from '@isthmus/contract';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { envoyBootstrap, parseAddress } from '../bootstrap.ts';
import type { Address } from '../bootstrap.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { isLoopbackName } from '../control-client.ts';
import { readClient, readText, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { print } from '../render/print.ts';
import { renderProxyConfig, renderProxyStatus } from '../render/proxy.ts';

export function addProxy(program: Command, io: Io): void {
  const proxy = program
    .command('proxy')
    .description('Proxies: what they acknowledged, what they were sent, and how to start one.')
    .addHelpText(
      'after',
      `
Examples:
  isthmus proxy status
  isthmus proxy config sidecar~127.0.0.1~web.default~default.svc.cluster.local
  isthmus proxy bootstrap --node sidecar~127.0.0.1~web.default~default.svc.cluster.local --xds 127.0.0.1:15012 > envoy.yaml`,
    );
  addStatus(proxy, io);
  addConfig(proxy, io);
  addBootstrap(proxy, io);
}

function addStatus(proxy: Command, io: Io): void {
  const command = proxy
    .command('status')
    .description('ACK or NACK and version per proxy and type.')
    .argument('[node]', 'only this node')
    .addHelpText(
      'after',
      `
Examples:
  isthmus proxy status
  isthmus proxy status -o json

A refusal is printed in the proxy's own words; it keeps what it accepted last. Clients that
the bridge turned away, or whose stream it ended, follow with the reason that they got.`,
    );
  withOutput(withControl(command, io)).action(async (node: string | undefined, options: ReadOptions) => {
    const { items, rejected } = await readClient(options, io).get<ProxyList>('/proxies');
    const shown = items.filter((item) => node === undefined || item.node === node);
    const away = rejected.filter((item) => node === undefined || item.node === node);
    const any = shown.length > 0 || away.length > 0;
    if (any || options.output !== 'table')
      print(io, options.output, { items: shown, rejected: away }, () => renderProxyStatus(shown, away, io.now()));
    if (any) return;
    if (node !== undefined)
      throw new CliError(EXIT.found, `no proxy named ${node} is connected; \`isthmus get proxies\` lists them.`);
    if (options.output === 'table') io.stderr.write('no proxy is connected\n');
  });
}

function addConfig(proxy: Command, io: Io): void {
  const command = proxy
    .command('config')
    .description('What a node was sent: names and versions per type.')
    .argument('<node>', 'the node id, as `isthmus get proxies` prints it')
    .addHelpText(
      'after',
      `
Examples:
  isthmus proxy config sidecar~127.0.0.1~web.default~default.svc.cluster.local`,
    );
  withOutput(withControl(command, io)).action(async (node: string, options: ReadOptions) => {
    const answer = await readClient(options, io).get<ProxyConfigView>(`/proxies/${encodeURIComponent(node)}/config`);
    print(io, options.output, answer, () => renderProxyConfig(answer));
  });
}

interface BootstrapOptions {
  readonly node: string;
  readonly xds: Address;
  readonly egress: Address;
  readonly admin: Address;
  readonly metrics: Address;
  readonly sotw?: true;
  readonly xdsCa?: string;
  readonly xdsCert?: string;
  readonly xdsKey?: string;
  readonly xdsTokenFile?: string;
}

function addBootstrap(proxy: Command, io: Io): void {
  proxy
    .command('bootstrap')
    .description('Print the bootstrap of an Envoy beside a workload: static parts, and where the dynamic ones come from.')
    .requiredOption('--node <id>', 'node id: sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local', nodeId)
    .requiredOption('--xds <host:port>', 'xDS output of the bridge (outputs.xds.listen)', address)
    .addOption(
      addressOption('--egress <ip:port>', 'where the workload sends its calls, by Host header', '127.0.0.1:15004').argParser(
        egressAddress,
      ),
    )
    .addOption(addressOption('--admin <host:port>', "Envoy's admin interface", '127.0.0.1:15000'))
    .addOption(addressOption('--metrics <host:port>', 'Prometheus metrics, at /stats/prometheus', '127.0.0.1:15090'))
    .option('--delta', 'incremental xDS (the default)')
    .option('--sotw', 'state-of-the-world xDS instead of incremental')
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
  curl -H 'Host: orders.default-group.public.nacos' http://127.0.0.1:15004/`,
    )
    .action((options: BootstrapOptions & { delta?: true }) => {
      const problem = contradiction(options);
      if (problem !== undefined) throw new CliError(EXIT.usage, problem);
      const { xdsCa: caFile, xdsCert: certFile, xdsKey: keyFile, xdsTokenFile, ...input } = options;
      const client = certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile };
      io.stdout.write(
        envoyBootstrap({
          ...input,
          transport: options.sotw === true ? 'sotw' : 'delta',
          ...(caFile === undefined ? {} : { tls: { caFile, ...client } }),
          ...(xdsTokenFile === undefined ? {} : { token: readText(io, xdsTokenFile, '--xds-token-file').trim() }),
        }),
      );
    });
}

function contradiction(options: BootstrapOptions & { delta?: true }): string | undefined {
  if (options.delta === true && options.sotw === true) return 'choose one of --delta and --sotw.';
  if ((options.xdsCert === undefined) !== (options.xdsKey === undefined)) return '--xds-cert and --xds-key belong together.';
  if (options.xdsCert !== undefined && options.xdsCa === undefined) return '--xds-cert needs --xds-ca.';
  if (options.xdsTokenFile !== undefined && options.xdsCa === undefined && !isLoopbackName(options.xds.host)) {
    return `the token would go to ${options.xds.host} without TLS, for everyone on the way to read; use --xds-ca.`;
  }
  return undefined;
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

function nodeId(text: string): string {
  if (/^[\u0021-\u007e]{1,512}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 512 printable characters without spaces.');
}
