import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_CONTROL_URL } from '@isthmus/contract';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { controlClient, isLoopbackName } from './control-client.ts';
import type { ControlClient } from './control-client.ts';
import { CliError, EXIT } from './exit-code.ts';
import type { Io } from './io.ts';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

export interface ControlOptions {
  readonly control: URL;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

export interface ReadOptions extends ControlOptions {
  readonly output: Format;
}

/** Options of every command that asks the bridge. */
export function withControl(command: Command, io: Io): Command {
  return command
    .addOption(
      new Option('--control <url>', 'control API of the bridge (environment: ISTHMUS_CONTROL)')
        .argParser(controlUrl)
        .default(controlUrl(io.env['ISTHMUS_CONTROL'] ?? DEFAULT_CONTROL_URL, true), DEFAULT_CONTROL_URL),
    )
    .option('--token-file <file>', 'file with the bearer token; writes use .isthmus/admin.token without it')
    .option('--ca-file <file>', 'PEM file with the authorities to trust, for an https control URL');
}

/** Options of every read. */
export function withOutput(command: Command): Command {
  return command.addOption(new Option('-o, --output <format>', 'how to print it').choices(FORMATS).default('table'));
}

/** `-c FILE`, of the commands that run the bridge's own program. */
export function withConfig(command: Command): Command {
  return command.requiredOption('-c, --config <file>', 'the config file (docs/config.md)');
}

export function controlUrl(text: string, fromEnvironment?: unknown): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  const sentence = 'It must be an http or https URL such as http://127.0.0.1:15080.';
  // The environment is read while commands are put together, outside of commander's own error handling.
  if (fromEnvironment === true) throw new CliError(EXIT.usage, `ISTHMUS_CONTROL is "${text}". ${sentence}`);
  throw new InvalidArgumentError(sentence);
}

/** A client for reads: a token is sent only when one was named. */
export function readClient(options: ControlOptions, io: Io): ControlClient {
  const file = options.tokenFile;
  return clientWith(options, io, file === undefined ? undefined : readText(io, file, '--token-file'));
}

/** A client for writes: without a named token, the one that the bridge made at its first start. */
export function writeClient(options: ControlOptions, io: Io): ControlClient {
  const file = options.tokenFile ?? '.isthmus/admin.token';
  return clientWith(options, io, readText(io, file, options.tokenFile === undefined ? 'the admin token' : '--token-file'));
}

function clientWith(options: ControlOptions, io: Io, token: string | undefined): ControlClient {
  const { control: url } = options;
  if (token !== undefined && url.protocol === 'http:' && !isLoopbackName(url.hostname)) {
    throw new CliError(
      EXIT.usage,
      `the token is not sent to ${url.origin}: without TLS, everyone on the way could read it. Use an https control URL.`,
    );
  }
  return controlClient({
    url,
    ...(token === undefined ? {} : { token: token.trim() }),
    ...(options.caFile === undefined ? {} : { ca: readText(io, options.caFile, '--ca-file') }),
  });
}

/** A file that an option names; `what` is that option in messages. */
export function readText(io: Io, file: string, what: string): string {
  const path = resolve(io.cwd, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String((cause as Error).message);
    throw new CliError(
      EXIT.usage,
      `${what}: ${path} cannot be read: ${code}. ` +
        (what === 'the admin token'
          ? 'The bridge makes it beside its ledger at its first start; run this in the same directory, or name it with --token-file FILE.'
          : 'Check the path.'),
      { cause },
    );
  }
}
