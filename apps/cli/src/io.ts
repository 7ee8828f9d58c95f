import type { AppAnswer, AppName } from './run-app.ts';

interface Sink {
  write(text: string): unknown;
}

/** What a command may touch of the outside; tests hand in their own. */
export interface Io {
  /** What is piped in; read only where a command says so. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Data. */
  readonly stdout: Sink;
  /** Everything else. */
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Becomes another of our programs; its stdio, signals and exit code are then ours. Throws when it cannot start. */
  become(app: AppName, args: readonly string[]): void;
  /** Runs another of our programs to its end, for what it prints. Throws when it cannot start. */
  ask(app: AppName, args: readonly string[]): Promise<AppAnswer>;
}
