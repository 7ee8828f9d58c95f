/** What scripts hold on to (docs/cli.md). */
export const EXIT = {
  fine: 0,
  /** It found something: invalid, different, failed, not there. */
  found: 1,
  /** Wrong usage: an unknown option, a missing argument. */
  usage: 2,
  /** The bridge cannot be reached. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the command with a sentence on stderr and an exit code. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.name = 'CliError';
    this.exitCode = exitCode;
  }
}
