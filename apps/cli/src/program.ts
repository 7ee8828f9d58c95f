import { Command, CommanderError } from 'commander';
import { addCheck } from './commands/check.ts';
import { addConvert } from './commands/convert.ts';
import { addDiff } from './commands/diff.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExplain } from './commands/explain.ts';
import { addExport } from './commands/export.ts';
import { addGet } from './commands/get.ts';
import { addLab } from './commands/lab.ts';
import { addLift } from './commands/lift.ts';
import { addPlan } from './commands/plan.ts';
import { addProxy } from './commands/proxy.ts';
import { addReleaseHeld } from './commands/release-held.ts';
import { addServe } from './commands/serve.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import type { Io } from './io.ts';
import { terminalSafe } from './terminal-safe.ts';
import { VERSION } from './version.ts';

/** All commands; each is one file in `commands/`. */
export function buildProgram(io: Io): Command {
  const program = new Command('isthmus')
    .description('Brings the services of your registries into the mesh: Nacos, Consul and Eureka to istiod and Envoy.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .enablePositionalOptions()
    .showHelpAfterError('(add --help for what it takes, with examples)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // The same help everywhere, so that docs/cli.md can be compared with it.
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
    })
    .addHelpText(
      'after',
      `
Examples:
  isthmus check -c isthmus.yaml       every error of a config, with line and column
  isthmus serve -c isthmus.yaml       run the bridge
  isthmus get services                what the mesh sees
  isthmus explain orders.default-group.public.nacos

Exit codes: 0 fine; 1 it found something (invalid, failed, not there); 2 wrong usage; 3 cannot reach the bridge.
Data goes to stdout, everything else to stderr.`,
    );
  addServe(program, io);
  addCheck(program, io);
  addDoctor(program, io);
  addGet(program, io);
  addExplain(program, io);
  addDiff(program, io);
  addExport(program, io);
  addConvert(program, io);
  addLift(program, io);
  addPlan(program, io);
  addProxy(program, io);
  addReleaseHeld(program, io);
  addLab(program, io);
  return program;
}

/** Runs one command line (without node and script). Never throws. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return EXIT.fine;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage; // commander has said what is wrong
    if (error instanceof CliError) {
      if (error.message !== '') io.stderr.write(`isthmus: ${error.message.split('\n').map(terminalSafe).join('\n')}\n`);
      return error.exitCode;
    }
    io.stderr.write(`isthmus: this is a bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.found;
  }
}
