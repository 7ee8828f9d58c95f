import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { withConfig, withOutput } from '../options.ts';
import type { Format } from '../options.ts';

export function addDoctor(program: Command, io: Io): void {
  const command = program
    .command('doctor')
    .description('Can every registry and output be reached, with which version, with enough rights; and what istiod needs.')
    .addHelpText(
      'after',
      `
Examples:
  isthmus doctor -c isthmus.yaml
  isthmus doctor -c isthmus.yaml -o json

It connects to the registries itself; the bridge need not run. Exit code 1 when something is wrong.`,
    );
  withOutput(withConfig(command)).action((options: { config: string; output: Format }) => {
    io.become('bridge', ['doctor', '-c', options.config, '-o', options.output]);
  });
}
