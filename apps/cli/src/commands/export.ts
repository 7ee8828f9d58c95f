import { Option } from 'commander';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { readClient, withControl } from '../options.ts';
import type { ControlOptions } from '../options.ts';

export function addExport(program: Command, io: Io): void {
  const command = program
    .command('export')
    .description('Print what would be published, as files: the dry run of every output.')
    .addOption(
      new Option(
        '--format <format>',
        'ServiceEntry YAML for istio, every resource as JSON, or what would be written into registries',
      )
        .choices(['istio', 'json', 'publications'])
        .default('istio'),
    )
    .addHelpText(
      'after',
      `
Examples:
  isthmus export --format istio > serviceentries.yaml
  isthmus export --format publications        the way back: every entry that would be written, changed or withdrawn, and why
  isthmus export --format json | jq '.items[].host'`,
    );
  withControl(command, io).action(async (options: ControlOptions & { format: string }) => {
    const text = await readClient(options, io).getText(`/export?format=${options.format}`);
    io.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  });
}
