import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const extras = ['istiod', 'nacos3'] as const;
export type Extra = (typeof extras)[number];

export type PortChoice = { readonly kind: 'fixed'; readonly offset: number } | { readonly kind: 'free' };

export interface LabOptions {
  readonly command: 'up' | 'down' | 'status';
  /** Where state, logs and the bridge's configuration lie; absolute. */
  readonly dir: string;
  /** Run the main job once, print the checks, stop. */
  readonly ci: boolean;
  readonly with: ReadonlySet<Extra>;
  readonly ports: PortChoice;
  /** Consul: `auto` builds it in the background when it is not there yet. */
  readonly consul: 'auto' | 'never';
  readonly output: 'table' | 'json';
}

export class LabUsageError extends Error {}

const usage = `isthmus lab up [--ci] [--with istiod,nacos3] [--no-consul] [--port-offset N | --free-ports] [--dir DIR]
isthmus lab down [--dir DIR]
isthmus lab status [--dir DIR] [-o table|json]`;

/** @throws {LabUsageError} */
export function readLabOptions(args: readonly string[], cwd: string): LabOptions {
  const { values, positionals } = parse(args);
  const [command = 'up', ...rest] = positionals;
  if (rest.length > 0 || !isCommand(command)) throw new LabUsageError(`unknown: ${positionals.join(' ')}. Usage:\n${usage}`);
  if (values['free-ports'] && values['port-offset'] !== undefined)
    throw new LabUsageError('--free-ports and --port-offset exclude each other');
  const output = values.output ?? 'table';
  if (output !== 'table' && output !== 'json') throw new LabUsageError(`-o is table or json, not ${output}`);
  return {
    command,
    dir: resolve(cwd, values.dir ?? '.isthmus/lab'),
    ci: values.ci ?? false,
    with: new Set((values.with ?? []).flatMap((text) => text.split(',')).map(extra)),
    ports: values['free-ports'] ? { kind: 'free' } : { kind: 'fixed', offset: offset(values['port-offset'] ?? '0') },
    consul: values['no-consul'] ? 'never' : 'auto',
    output,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ci: { type: 'boolean' },
        with: { type: 'string', multiple: true },
        dir: { type: 'string' },
        'no-consul': { type: 'boolean' },
        'port-offset': { type: 'string' },
        'free-ports': { type: 'boolean' },
        output: { type: 'string', short: 'o' },
      },
    });
  } catch (error) {
    throw new LabUsageError(`${error instanceof Error ? error.message : String(error)}. Usage:\n${usage}`);
  }
}

function isCommand(text: string): text is LabOptions['command'] {
  return text === 'up' || text === 'down' || text === 'status';
}

function extra(text: string): Extra {
  const found = extras.find((known) => known === text);
  if (found === undefined) throw new LabUsageError(`--with takes ${extras.join(' and ')}, not ${text}`);
  return found;
}

/** The highest fixed port is 18,212, so this keeps all of them legal. */
const maxOffset = 47_000;

function offset(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > maxOffset) {
    throw new LabUsageError(`--port-offset is a whole number from 0 to ${maxOffset}, not ${text}`);
  }
  return number;
}
