import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { withConfig } from '../options.ts';

export function addServe(program: Command, io: Io): void {
  const command = program
    .command('serve')
    .description('Run the bridge with the roles that the config has. Ctrl-C or SIGTERM ends it within 5 s.')
    .addHelpText(
      'after',
      `
Examples:
  isthmus serve -c isthmus.yaml
  isthmus serve -c isthmus.yaml --dry-run    then: isthmus export --format publications
  isthmus check -c isthmus.yaml && isthmus serve -c isthmus.yaml

The config is watched: a valid change is taken over, a bad one is refused and the last good one stays.`,
    );
  command.option('--dry-run', 'read everything, serve it, and write nothing into registries');
  withConfig(command).action((options: { config: string; dryRun?: boolean }) => {
    io.become('bridge', ['serve', '-c', options.config, ...(options.dryRun === true ? ['--dry-run'] : [])]);
  });
}
