import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { withConfig } from '../options.ts';

export function addCheck(program: Command, io: Io): void {
  const command = program
    .command('check')
    .description(
      "Validate a config and Istio's files: every error at file:line:column, all of them at once. Connects to nothing.",
    )
    .addHelpText(
      'after',
      `
Examples:
  isthmus check -c isthmus.yaml

Exit code 1 when something is wrong.`,
    );
  withConfig(command).action((options: { config: string }) => {
    io.become('bridge', ['check', '-c', options.config]);
  });
}
