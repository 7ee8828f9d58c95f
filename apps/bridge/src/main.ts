import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { messageOf } from '@isthmus/model';
import type { AskedConfigs } from './config-texts.ts';
import { DOCTOR_FORMATS } from './doctor-formats.ts';
import type { DoctorFormat } from './doctor-formats.ts';

const USAGE = `usage: bridge serve|check|doctor -c FILE [--dry-run] [-o table|json|yaml]
       bridge configs -c FILE --registry ID --group GROUP [--namespace ID] --data-id ID…   (users run it through "isthmus")\n`;

/** The composition root. Exit codes: 0 fine, 1 it found something or failed, 2 wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  const command = args[0];
  const parsed = parse(args.slice(1));
  if (parsed === undefined) return usage();
  // Each loads what it needs: modules are what a short command takes its time for, and only `serve` needs a web server.
  switch (command) {
    case 'serve':
      return (await import('./serve.ts')).serve(parsed.config, parsed.dryRun);
    case 'check':
      return (await import('./check.ts')).check(parsed.config);
    case 'doctor':
      return (await import('./doctor.ts')).doctor(parsed.config, parsed.output);
    case 'configs':
      if (parsed.configs === undefined) return usage();
      return (await import('./config-texts.ts')).configTexts(parsed.config, parsed.configs);
    default:
      return usage();
  }
}

interface Parsed {
  readonly config: string;
  readonly output: DoctorFormat;
  readonly dryRun: boolean;
  readonly configs: AskedConfigs | undefined;
}

function parse(args: string[]): Parsed | undefined {
  try {
    const { values } = parseArgs({
      args,
      options: {
        config: { type: 'string', short: 'c' },
        'dry-run': { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'table' },
        registry: { type: 'string' },
        group: { type: 'string' },
        namespace: { type: 'string' },
        'data-id': { type: 'string', multiple: true },
      },
    });
    const output = DOCTOR_FORMATS.find((format) => format === values.output);
    const { config, registry, group, namespace, 'data-id': dataIds } = values;
    if (config === undefined || output === undefined) return undefined;
    const place = namespace === undefined ? {} : { namespace };
    const isAsked = registry !== undefined && group !== undefined && dataIds !== undefined;
    const configs = isAsked ? { registry, group, dataIds, ...place } : undefined;
    return { config, output, dryRun: values['dry-run'], configs };
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
