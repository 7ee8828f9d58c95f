import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { messageOf } from '@isthmus/model';
import { check } from './check.ts';
import { DOCTOR_FORMATS, doctor } from './doctor.ts';
import type { DoctorFormat } from './doctor.ts';

const USAGE = `usage: bridge serve|check|doctor -c FILE [--dry-run] [-o table|json|yaml]   (users run it through "isthmus")\n`;

/** The composition root. Exit codes: 0 fine, 1 it found something or failed, 2 wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  const command = args[0];
  const parsed = parse(args.slice(1));
  if (parsed === undefined) return usage();
  switch (command) {
    case 'serve':
      // Loaded only here: `check` and `doctor` need no web server, which takes a second to load.
      return (await import('./serve.ts')).serve(parsed.config, parsed.dryRun);
    case 'check':
      return check(parsed.config);
    case 'doctor':
      return doctor(parsed.config, parsed.output);
    default:
      return usage();
  }
}

function parse(args: string[]): { readonly config: string; readonly output: DoctorFormat; readonly dryRun: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        config: { type: 'string', short: 'c' },
        'dry-run': { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'table' },
      },
    });
    const output = DOCTOR_FORMATS.find((format) => format === values.output);
    return values.config === undefined || output === undefined
      ? undefined
      : { config: values.config, output, dryRun: values['dry-run'] };
  } catch {
    return undefined;
  }
}

function usage(): number {
  process.stderr.write(USAGE);
  return 2;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${messageOf(error)}\n`);
  return 1;
});
