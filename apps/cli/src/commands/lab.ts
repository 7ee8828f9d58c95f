import { Argument } from 'commander';
import type { Command } from 'commander';
import type { Io } from '../io.ts';

export function addLab(program: Command, io: Io): void {
  program
    .command('lab')
    .description('The native lab: real registries, a real Envoy and legacy services on this machine, without Docker.')
    .addArgument(new Argument('<action>', 'start it and watch; stop it; say what runs').choices(['up', 'down', 'status']))
    .argument('[options...]', "the lab's own options, such as --ci or --with istiod")
    .passThroughOptions()
    .allowUnknownOption()
    .addHelpText(
      'after',
      `
Examples:
  isthmus lab up                 start everything (the same as npm start); Ctrl-C stops it
  isthmus lab up --ci            run the main job once, print its checks, exit 0 or 1
  isthmus lab up --with istiod   with istiod and an Envoy fed by it
  isthmus lab status
  isthmus lab down               stop a lab that was started elsewhere

docs/lab.md says what to break and what one then sees.`,
    )
    .action((action: string, rest: readonly string[]) => {
      io.become('lab', [action, ...rest]);
    });
}
