import type { ProxyConfigView, ProxyList } from '@isthmus/contract';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { print } from '../render/print.ts';
import { renderProxyConfig, renderProxyStatus } from '../render/proxy.ts';
import { addBootstrap } from './proxy-bootstrap.ts';

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
