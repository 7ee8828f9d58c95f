import type { DiffView, ItemList, ShadowView } from '@isthmus/contract';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { diffColumns, shadowColumns } from '../render/columns.ts';
import { print } from '../render/print.ts';
import { renderTable } from '../render/table.ts';

export function addDiff(program: Command, io: Io): void {
  const command = program
    .command('diff')
    .description(
      'What is seen differently: by the SDKs of callers and the mesh (targets of plans), and by registries and Kubernetes (merge.kubernetes).',
    )
    .argument('[host]', 'only hosts that contain this')
    .addHelpText(
      'after',
      `
Examples:
  isthmus diff                                     every target that an agent compares, every service that merge.kubernetes pairs
  isthmus diff orders.default-group.public.nacos   one of them

Exit code 1 when something differs; what an SDK sees differently for less than its window does not count.`,
    );
  withOutput(withControl(command, io)).action(async (host: string | undefined, options: ReadOptions) => {
    const query = host === undefined ? '' : `?host=${encodeURIComponent(host)}`;
    const client = readClient(options, io);
    const { items } = await client.get<ItemList<DiffView>>(`/diff${query}`);
    const { items: views } = await client.get<ItemList<ShadowView>>(`/shadow${query}`);
    const found = options.output === 'table' ? tables(items, views, io) : isDifferent(items, views);
    if (options.output !== 'table') print(io, options.output, { items, views }, () => '');
    if (items.length + views.length === 0 && host !== undefined) {
      throw new CliError(
        EXIT.found,
        `no agent compares a target whose host contains ${host}, and no rule of merge.kubernetes pairs such a service.`,
      );
    }
    if (found) throw new CliError(EXIT.found, '');
  });
}

function isDifferent(items: readonly DiffView[], views: readonly ShadowView[]): boolean {
  const counts = views.some(({ divergences }) => divergences.some((divergence) => divergence.counts));
  return counts || items.some(({ differences }) => differences.length > 0);
}

function tables(items: readonly DiffView[], views: readonly ShadowView[], io: Io): boolean {
  const seen = views.flatMap(({ host, divergences }) => divergences.map((divergence) => ({ ...divergence, host })));
  if (seen.length > 0) io.stdout.write(renderTable(shadowColumns, seen));
  const rows = items.flatMap((item) => item.differences.map((difference) => ({ ...difference, host: item.host })));
  if (seen.length > 0 && rows.length > 0) io.stdout.write('\n');
  if (rows.length > 0) io.stdout.write(renderTable(diffColumns, rows));
  for (const { host, processes, similarity } of views)
    io.stderr.write(
      `${host}: similarity ${similarity.toFixed(3)} over ${processes} ${processes === 1 ? 'process' : 'processes'}\n`,
    );
  for (const { host, kubernetes } of items.filter(({ missing }) => missing))
    io.stderr.write(`${host}: Kubernetes has no ${kubernetes}\n`);
  if (items.length + views.length === 0)
    io.stderr.write('no agent compares a target of a plan, and no rule of merge.kubernetes pairs a service\n');
  else if (rows.length === 0 && items.length > 0)
    io.stderr.write(`${items.length} ${items.length === 1 ? 'service' : 'services'}, no difference\n`);
  return isDifferent(items, views);
}
