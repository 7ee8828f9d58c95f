import { down } from './down.ts';
import { LabUsageError, readLabOptions } from './lab-options.ts';
import { status } from './status.ts';
import { up } from './up.ts';

/** Exit codes: 0 fine, 1 it could not start or a check failed, 2 wrong usage. */
async function main(args: readonly string[]): Promise<number> {
  const options = readLabOptions(args, process.cwd());
  switch (options.command) {
    case 'up':
      return up(options, 0); // performance.now() counts from the start of the process
    case 'down':
      return down(options);
    case 'status':
      return status(options);
    default:
      return options.command satisfies never;
  }
}

const code = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof LabUsageError ? error.message : error);
  return error instanceof LabUsageError ? 2 : 1;
});
process.exit(code);
