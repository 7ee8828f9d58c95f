import type { ExplainAnswer, HeldView, ItemList, ServiceView, SourceView } from '@isthmus/contract';
import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code.ts';
import type { Io } from '../io.ts';
import { readClient, withControl, withOutput } from '../options.ts';
import type { ReadOptions } from '../options.ts';
import { renderExplained } from '../render/explain.ts';
import { renderNothingKnown } from '../render/nothing-known.ts';
import { print } from '../render/print.ts';

export function addExplain(program: Command, io: Io): void {
  const command = program
    .command('explain')
    .description(
      'Where a host or address comes from, what became of it, what was left out and why, and how far plans have moved its callers.',
    )
    .argument('<query>', 'a mesh host, an IP or IP:PORT')
    .addHelpText(
      'after',
      `
Examples:
  isthmus explain orders.default-group.public.nacos
  isthmus explain 10.0.0.7
  isthmus explain 10.0.0.7:8080
  isthmus explain '[fd00::7]:8080' -o json

Exit code 1 when nothing is known of it.`,
    );
  withOutput(withControl(command, io)).action(async (query: string, options: ReadOptions) => {
    const client = readClient(options, io);
    const answer = await client.get<ExplainAnswer>(`/explain?q=${encodeURIComponent(query)}`);
    if (answer.matches.length > 0) {
      const held = options.output === 'table' ? (await client.get<ItemList<HeldView>>('/held')).items : [];
      print(io, options.output, answer, () =>
        answer.matches.map((host) => renderExplained(host, query, held, io.now())).join('\n'),
      );
      return;
    }
    if (options.output === 'table') {
      const [sources, services] = await Promise.all([
        client.get<ItemList<SourceView>>('/sources'),
        client.get<ItemList<ServiceView>>('/services'),
      ]);
      io.stdout.write(renderNothingKnown(query, sources.items, services.items, io.now()));
    } else {
      print(io, options.output, answer, () => '');
    }
    throw new CliError(EXIT.found, '');
  });
}
