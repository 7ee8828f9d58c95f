import { stringify } from 'yaml';
import type { Io } from '../io.ts';
import type { Format } from '../options.ts';

/** Data in the format asked for; `table` is only called when it is the one. */
export function print(io: Io, format: Format, data: unknown, table: () => string): void {
  switch (format) {
    case 'json':
      io.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
      return;
    case 'yaml':
      io.stdout.write(stringify(data, { lineWidth: 0 }));
      return;
    case 'table':
      io.stdout.write(table());
      return;
    default:
      format satisfies never;
  }
}
