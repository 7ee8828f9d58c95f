import type { DiffView, ItemList } from '@isthmus/contract';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { diffColumns } from '../render/columns.ts';
import { print } from '../render/print.ts';
import { renderTable } from '../render/table.ts';

export function addDiff(program: Command, io: Io): void {
  const command = program
    .command('diff')
    .description('What registries and Kubernetes say differently of services that are in both (merge.kubernetes).')
    .argument('[host]', 'only hosts that contain this')
    .addHelpText(
      'after',
      `
Examples:
  isthmus diff                                     every service that merge.kubernetes pairs
  isthmus diff orders.default-group.public.nacos   one of them

Exit code 1 when something differs.`,
    );
  withOutput(withControl(command, io)).action(async (host: string | undefined, options: ReadOptions) => {
    const query = host === undefined ? '' : `?host=${encodeURIComponent(host)}`;
    const { items } = await readClient(options, io).get<ItemList<DiffView>>(`/diff${query}`);
    const rows = items.flatMap((item) => item.differences.map((difference) => ({ ...difference, host: item.host })));
    if (rows.length > 0 || options.output !== 'table') print(io, options.output, { items }, () => renderTable(diffColumns, rows));
    for (const { host: of, kubernetes } of items.filter((item) => item.missing)) {
      io.stderr.write(`${of}: Kubernetes has no ${kubernetes}\n`);
    }
    if (items.length === 0 && host !== undefined) {
      throw new CliError(EXIT.found, `no rule of merge.kubernetes pairs a service whose host contains ${host}.`);
    }
    if (items.length === 0) io.stderr.write('no rule of merge.kubernetes pairs a service\n');
    else if (rows.length === 0)
      io.stderr.write(`${items.length} ${items.length === 1 ? 'service' : 'services'}, no difference\n`);
    else throw new CliError(EXIT.found, '');
  });
}
