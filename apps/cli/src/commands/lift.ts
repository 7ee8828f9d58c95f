import type { LiftedPolicy } from '@isthmus/contract';
import {
  MOST_POLICY_BYTES,
  READABLE,
  breakerOptions,
  liftHosts,
  readOutcomes,
  readPolicies,
  replay,
  rulesOf,
} from '@isthmus/lift';
import type { HostField, LiftedHost } from '@isthmus/lift';
import type { MeshObject } from '@isthmus/model';
import { parseIstioYaml } from '@isthmus/policy';
import { Option } from 'commander';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readText } from '../options.ts';
import { renderTable } from '../render/table.ts';
import type { Column } from '../render/table.ts';
import { terminalSafe } from '../terminal-safe.ts';
import { lines, policiesOfRegistry } from './lift-registry.ts';
import type { AskedConfig, RegistryOptions } from './lift-registry.ts';

interface LiftOptions extends RegistryOptions {
  readonly file?: string;
  readonly target: readonly string[];
  readonly namespace: string;
  readonly accept?: readonly string[] | true;
  readonly report: 'table' | 'json';
  readonly replay?: string;
}

const collected = (value: string, before: readonly string[]): readonly string[] => [...before, value];

export function addLift(program: Command, io: Io): void {
  program
    .command('lift')
    .description("Write an SDK's policies as DestinationRule and VirtualService, with a report of what they keep.")
    .option('-f, --file <file>', 'policies: see below; - is stdin')
    .addOption(new Option('--registry <id>', 'instead: Sentinel rules that this Nacos keeps').conflicts('file'))
    .option('-c, --config <file>', 'the config file that has the registry', 'isthmus.yaml')
    .addOption(new Option('--app <name>', 'whose rules: NAME-flow-rules and NAME-degrade-rules').conflicts('file'))
    .addOption(new Option('--data-id <id...>', 'these data ids instead; any policies may be in them').conflicts('file'))
    .addOption(new Option('--group <group>', 'theirs (default: SENTINEL_GROUP)').conflicts('file'))
    .addOption(new Option('--config-namespace <id>', 'theirs (default: first of the registry)').conflicts('file'))
    .option('--target <host>', 'mesh host of all of them, or NAME=HOST for those of one name; may be repeated', collected, [])
    .option('-n, --namespace <name>', 'of the rules', 'default')
    .option('--accept [fields...]', 'these fields may be lossy or blocked; without names: all')
    .addOption(new Option('--report <format>', 'how the report on stderr is written').choices(['table', 'json']).default('table'))
    .option(
      '--replay <file>',
      'outcomes of calls as JSON lines ({"at", "host", "status"}): what both breakers would have made of them',
    )
    .addHelpText(
      'after',
      `
Reads ${READABLE.join(';\n  ')}.

Examples:
  isthmus lift -f breaker.json --target orders.default-group.public.nacos > istio.d/orders.yaml
  isthmus lift -f resilience4j.yaml --target orders=orders.eureka --target pay=pay.eureka
  isthmus lift -f sentinel.json --target stock.dc1.consul --accept count grade
  isthmus lift -f breaker.json --target orders.mesh --replay yesterday.jsonl
  isthmus lift --registry shop --app web -c isthmus.yaml --target stock.shop --accept

The rules are on stdout, the report on stderr: exact, approximate (and how), lossy, blocked. Exit
code 1 when a field is lossy or blocked and not accepted.`,
    )
    .action(async (options: LiftOptions) => lift(options, io));
}

async function lift(options: LiftOptions, io: Io): Promise<void> {
  const { read, name, registry, configs } = await policiesOf(options, io);
  const targets = new Map(options.target.map((text) => targetOf(text)));
  const policies = read.map((policy) => {
    const host = targets.get(policy.name) ?? targets.get(undefined) ?? policy.host;
    return host === undefined ? policy : { ...policy, host };
  });
  const { hosts, homeless } = liftHosts(policies);
  if (homeless.length > 0)
    throw new CliError(EXIT.usage, `${name}: ${homeless.join(', ')} name no host. Say it: --target HOST, or --target NAME=HOST.`);
  const rules = hosts.flatMap((host) => rulesOf(host, options.namespace));
  const yaml = rules.map(text).join('---\n');
  const { problems } = parseIstioYaml(yaml, { file: name, defaultNamespace: options.namespace });
  if (problems.length > 0)
    throw new CliError(EXIT.found, problems.map(({ what, remedy }) => `${what}. Remedy: ${remedy}.`).join('\n'));
  io.stdout.write(yaml);
  io.stderr.write(
    options.report === 'json'
      ? `${JSON.stringify({ hosts: hosts.map(({ host, fields }) => ({ host, fields })), ...(registry === '' ? {} : { configs }) }, undefined, 2)}\n`
      : lines(registry, configs) + tableOf(hosts),
  );
  if (options.replay !== undefined)
    io.stderr.write(replayed(policies, hosts, readText(io, options.replay, '--replay'), options.replay));
  const open = hosts.flatMap(({ fields }) => fields.filter((field) => isOpen(field, options.accept)));
  if (open.length === 0) return;
  const names = [...new Set(open.map(({ field }) => field))].join(' ');
  throw new CliError(
    EXIT.found,
    `${open.length} fields are lost. Keep what has them in the process, or accept them: --accept ${names}`,
  );
}

interface Read {
  readonly read: readonly LiftedPolicy[];
  /** Where they are from, in messages. */
  readonly name: string;
  readonly registry: string;
  readonly configs: readonly AskedConfig[];
}

async function policiesOf(options: LiftOptions, io: Io): Promise<Read> {
  const { file, registry } = options;
  if (registry !== undefined) {
    const { policies, configs } = await policiesOfRegistry(registry, options, io);
    return { read: policies, name: registry, registry, configs };
  }
  if (file === undefined)
    throw new CliError(EXIT.usage, 'lift what? -f FILE, or --registry ID --app NAME with a config (-c) that has the registry.');
  const read = readPolicies(file === '-' ? await everything(io.stdin) : readText(io, file, '--file'));
  const name = file === '-' ? 'stdin' : file;
  if (!read.ok) throw new CliError(EXIT.found, `${name}: ${read.what}. Remedy: ${read.remedy}.`);
  return { read: read.policies, name, registry: '', configs: [] };
}

function isOpen({ fidelity, field }: HostField, accept: LiftOptions['accept']): boolean {
  if (fidelity !== 'lossy' && fidelity !== 'blocked') return false;
  return accept !== true && accept?.includes(field) !== true;
}

/** The first breaker of each host against what it became. */
function replayed(policies: readonly LiftedPolicy[], hosts: readonly LiftedHost[], text: string, file: string): string {
  let outcomes;
  try {
    outcomes = readOutcomes(text);
  } catch (error) {
    throw new CliError(EXIT.found, `${file}: ${(error as Error).message}`);
  }
  const lines = hosts.flatMap(({ host, mesh: { ejection } }) => {
    if (ejection === undefined) return [];
    const own = policies.find((policy) => (policy.host ?? host) === host && policy.library === 'opossum');
    const { calls, failures, sdk, mesh } = replay(outcomes, breakerOptions(own?.options ?? {}), ejection);
    const process =
      own === undefined
        ? 'the process: only breakers of opossum have a model'
        : `the process: ${sdk.turnedAway} turned away, ${sdk.passedFailures} failed, opened ${sdk.opened} times`;
    const out = mesh.ejections.filter(({ kind }) => kind === 'ejected').length;
    return [
      `${host}: ${calls} calls, ${failures} failed`,
      `  ${process}`,
      `  the mesh: ${mesh.turnedAway} turned away, ${mesh.moved} to another instance, ${mesh.passedFailures} failed, ejected ${out} times`,
      ...mesh.ejections.slice(0, MOST_EJECTIONS).map(({ at, host: instance, kind }) => `    ${at} ms ${instance} ${kind}`),
    ];
  });
  return lines.map((line) => `${terminalSafe(line)}\n`).join('');
}

const MOST_EJECTIONS = 20;

/** `HOST`, or `NAME=HOST`. */
function targetOf(text: string): readonly [string | undefined, string] {
  const at = text.indexOf('=');
  return at === -1 ? [undefined, text] : [text.slice(0, at), text.slice(at + 1)];
}

interface Row extends HostField {
  readonly host: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { head: 'HOST', cell: ({ host }) => host },
  { head: 'POLICY', cell: ({ policy }) => policy },
  { head: 'FIELD', cell: ({ field }) => field },
  { head: 'VALUE', cell: ({ value }) => JSON.stringify(value) ?? 'default' },
  { head: 'FIDELITY', cell: ({ fidelity }) => fidelity },
  { head: 'BECOMES', cell: ({ to }) => to ?? '-' },
  { head: 'HOW', cell: ({ how }) => how },
];

function tableOf(hosts: readonly LiftedHost[]): string {
  return renderTable(
    COLUMNS,
    hosts.flatMap(({ host, fields }) => fields.map((field): Row => ({ ...field, host }))),
  );
}

function text({ apiVersion, kind, metadata: { name, namespace, annotations }, spec }: MeshObject): string {
  const noted = Object.keys(annotations ?? {}).length === 0 ? {} : { annotations };
  return stringify(
    { apiVersion, kind, metadata: { name, namespace, ...noted }, spec },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}

async function everything(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_POLICY_BYTES) break;
  }
  return Buffer.concat(chunks).toString();
}
