import type {
  AgentView,
  ConflictView,
  CorrectionView,
  DiagnosticList,
  EndpointView,
  HeldView,
  ItemList,
  PlanView,
  PolicyView,
  ProxyView,
  PublicationList,
  ReplicaView,
  ServiceDetail,
  ServiceView,
  SourceView,
} from '@isthmus/contract';
import { Argument } from 'commander';
import type { Command } from 'commander';
import type { ControlClient } from '../control-client.ts';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { agentColumns, agentTargetColumns } from '../render/agents.ts';
import {
  conflictColumns,
  correctionColumns,
  diagnosticColumns,
  endpointColumns,
  heldColumns,
  proxyColumns,
  publicationColumns,
  replicaColumns,
  serviceColumns,
  sourceColumns,
} from '../render/columns.ts';
import { planColumns } from '../render/plans.ts';
import { isPolicyNamed, policyColumns } from '../render/policies.ts';
import { print } from '../render/print.ts';
import { renderTable } from '../render/table.ts';

/** What one kind of thing is listed with: the data for `-o json`, and the table. */
interface Listing {
  readonly data: unknown;
  readonly size: number;
  readonly table: () => string;
  /** What the rows do not say, on stderr. */
  readonly note?: string | undefined;
}

type Lister = (client: ControlClient, name: string | undefined, now: number) => Promise<Listing>;

const LISTERS = {
  sources: async (client, name, now) => {
    const { items } = await client.get<ItemList<SourceView>>('/sources');
    return listing(
      items.filter((s) => name === undefined || s.source === name),
      (rows) => renderTable(sourceColumns(now), rows),
    );
  },
  services: async (client, name) => {
    if (name === undefined)
      return listing((await client.get<ItemList<ServiceView>>('/services')).items, (rows) => renderTable(serviceColumns, rows));
    const detail = await client.get<ServiceDetail>(`/services/${encodeURIComponent(name)}`);
    const row = { ...detail, endpoints: detail.endpoints.length, diagnostics: detail.diagnostics.length };
    return { data: detail, size: 1, table: () => renderTable(serviceColumns, [row]) };
  },
  endpoints: async (client, name) => {
    const query = name === undefined ? '' : `?host=${encodeURIComponent(name)}`;
    const { items } = await client.get<ItemList<EndpointView>>(`/endpoints${query}`);
    // The bridge finds every host that contains the name; a whole name means just that host.
    const exact = items.filter((e) => e.host === name?.toLowerCase());
    return listing(exact.length > 0 ? exact : items, (rows) => renderTable(endpointColumns, rows));
  },
  conflicts: async (client, name) => {
    const { items } = await client.get<ItemList<ConflictView>>('/conflicts');
    return listing(
      items.filter((c) => name === undefined || c.host === name.toLowerCase()),
      (rows) => renderTable(conflictColumns, rows),
    );
  },
  held: async (client, name, now) => {
    const { items } = await client.get<ItemList<HeldView>>('/held');
    return listing(
      items.filter((h) => name === undefined || h.scope === name),
      (rows) => renderTable(heldColumns(now), rows),
    );
  },
  agents: async (client, name, now) => {
    const { items } = await client.get<ItemList<AgentView>>('/agents');
    if (name === undefined) return listing(items, (rows) => renderTable(agentColumns(now), rows));
    return listing(
      items.filter((a) => a.service === name || a.instance === name),
      (rows) => {
        const targets = rows.flatMap((a) => (a.targets.length === 0 ? [undefined] : a.targets).map((t) => [a, t] as const));
        return renderTable(agentTargetColumns(now), targets);
      },
    );
  },
  proxies: async (client, name, now) => {
    const { items } = await client.get<ItemList<ProxyView>>('/proxies');
    return listing(
      items.filter((p) => name === undefined || p.node === name),
      (rows) => renderTable(proxyColumns(now), rows),
    );
  },
  plans: async (client, name, now) => {
    const { items } = await client.get<ItemList<PlanView>>('/plans');
    return listing(
      items.filter((p) => name === undefined || p.name === name),
      (rows) => renderTable(planColumns(now), rows),
    );
  },
  policies: async (client, name, now) => {
    const list = async (query: string) => (await client.get<ItemList<PolicyView>>(`/agents/policies${query}`)).items;
    // A service first: rows do not say whose they are.
    const own = await list(name === undefined ? '' : `?service=${encodeURIComponent(name)}`);
    const items = name === undefined || own.length > 0 ? own : (await list('')).filter((p) => isPolicyNamed(p, name));
    return listing(items, (rows) => renderTable(policyColumns(now), rows));
  },
  replica: async (client, name) => {
    const view = await client.get<ReplicaView>('/replica');
    return { data: view, size: name === undefined || name === view.id ? 1 : 0, table: () => renderTable(replicaColumns, [view]) };
  },
  corrections: async (client, name) => {
    const { items } = await client.get<ItemList<CorrectionView>>('/corrections');
    return listing(
      items.filter((c) => name === undefined || c.service === name || c.address === name),
      (rows) => renderTable(correctionColumns, rows),
    );
  },
  publications: async (client, name) => {
    const list = await client.get<PublicationList>('/publications');
    const items = list.items.filter((p) => name === undefined || [p.name, p.host, p.to].includes(name));
    const data = name === undefined ? list : { items };
    return { data, size: items.length, table: () => renderTable(publicationColumns, items) };
  },
  diagnostics: async (client, name) => {
    const query = name === undefined ? '' : `?of=${encodeURIComponent(name)}`;
    const { items, counts } = await client.get<DiagnosticList>(`/diagnostics${query}`);
    // A bridge that does not know the parameter gives all.
    const shown = items.filter((d) => name === undefined || d.code === name || d.where.includes(name));
    const data = name === undefined ? { items: shown, counts } : { items: shown };
    const more = shown.length < items.length ? 0 : Object.values(counts).reduce((sum, count) => sum + count, -items.length);
    const note = more > 0 ? `${more} more are not listed; name a code, or a part of their place: ${codes(counts)}` : undefined;
    return { data, size: shown.length, table: () => renderTable(diagnosticColumns, shown), note };
  },
} satisfies Record<string, Lister>;

type Kind = keyof typeof LISTERS;

function listing<Item>(items: readonly Item[], table: (items: readonly Item[]) => string): Listing {
  return { data: { items }, size: items.length, table: () => table(items) };
}

function codes(counts: DiagnosticList['counts']): string {
  const byCount = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return byCount.map(([code, count]) => `${code} (${count})`).join(', ');
}

export function addGet(program: Command, io: Io): void {
  const command = program
    .command('get')
    .description('List what the bridge knows.')
    .addArgument(new Argument('<kind>', 'what to list').choices(Object.keys(LISTERS)))
    .argument('[name]', 'only this one: a registry, a host, a scope, a node, or a diagnostic code or part of its place')
    .addHelpText(
      'after',
      `
Examples:
  isthmus get sources                                       the registries, and how they are
  isthmus get services                                      every host of the mesh
  isthmus get endpoints orders.default-group.public.nacos   its instances
  isthmus get conflicts                                     hosts that several services claim
  isthmus get held                                          mass deletions that wait
  isthmus get proxies                                       who is connected
  isthmus get agents web                                    its agents, where their targets are and why
  isthmus get plans                                         where migration plans are
  isthmus get policies web                                  breakers, retries, Sentinel rules: what the mesh would lose
  isthmus get publications                                  what is published into registries
  isthmus get corrections                                   dead endpoints that registries were told of
  isthmus get replica                                       whether this bridge leads or follows
  isthmus get diagnostics weight.invalid -o json            what is wrong with records

Exit code 1 when a name is given and there is no such thing.`,
    );
  withOutput(withControl(command, io)).action(async (kind: Kind, name: string | undefined, options: ReadOptions) => {
    const lister: Lister = LISTERS[kind];
    const { data, size, table, note } = await lister(readClient(options, io), name, io.now());
    if (size > 0 || options.output !== 'table') print(io, options.output, data, table);
    if (note !== undefined) io.stderr.write(`${note}\n`);
    if (size > 0) return;
    if (name !== undefined)
      throw new CliError(EXIT.found, `there is nothing named ${name} among the ${kind}; \`isthmus get ${kind}\` lists them.`);
    if (options.output === 'table') io.stderr.write(kind === 'held' ? 'nothing is held\n' : `no ${kind}\n`);
  });
}
