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
      new Option('--format <format>', 'ServiceEntry YAML for istio, or every resource as JSON')
        .choices(['istio', 'json'])
        .default('istio'),
    )
    .addHelpText(
      'after',
      `
Examples:
  isthmus export --format istio > serviceentries.yaml
  isthmus export --format json | jq '.items[].host'`,
    );
  withControl(command, io).action(async (options: ControlOptions & { format: string }) => {
    const text = await readClient(options, io).getText(`/export?format=${options.format}`);
    io.stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  });
}
