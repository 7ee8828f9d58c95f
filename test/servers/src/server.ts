/** What every real server looks like from outside, whatever it is. */
import type { ServerName } from './versions.ts';

export interface StopOptions {
  /** Leave its directory (configuration, data, log) in place; by default it is removed. */
  readonly keepDir?: boolean;
}

export interface RestartOptions {
  /** Start again with the data that it had; default true. With false it comes back empty, on the same ports. */
  readonly keepData?: boolean;
}

export interface Server<
  Ports extends Readonly<Record<string, number>> = Readonly<Record<string, number>>,
> extends AsyncDisposable {
  readonly name: ServerName;
  readonly version: string;
  /** All on 127.0.0.1. They stay the same over `kill` and `restart`. */
  readonly ports: Ports;
  /** Its own directory: configuration, data, `server.log`. */
  readonly dir: string;
  /** Of the server itself; undefined while it does not run. */
  readonly pid: number | undefined;
  /** Of the present run; it is already resolved when a `start…` function or `restart` has returned. */
  readonly ready: Promise<void>;
  /** The last lines of its log; default 60. */
  log(lines?: number): string;
  /** SIGTERM, after a grace period SIGKILL (at once where it has nobody to tell and nothing to keep); then its directory goes. Safe to call twice. */
  stop(options?: StopOptions): Promise<void>;
  /** SIGKILL: as if the machine lost power. Data and ports stay for `restart`. */
  kill(): Promise<void>;
  /** Stops it if it runs, starts it again on the same ports and waits until it is ready. */
  restart(options?: RestartOptions): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers, as with a hanging process or a network that drops everything. */
  pause(): void;
  resume(): void;
}

/** What all `start…` functions take. */
export interface CommonOptions {
  /** Use this directory, and never delete it: for data that outlives the process. Default: a temporary one, removed at `stop`. */
  readonly dir?: string;
  /** How long until it must be ready; milliseconds. Default: per server, 20–90 s. */
  readonly startTimeoutMs?: number;
  /** Aborted: a start that is under way is given up. */
  readonly signal?: AbortSignal;
}

export class ServerStartError extends Error {
  readonly server: ServerName;
  readonly log: string;
  constructor(server: ServerName, what: string, log: string) {
    super(`${server} ${what}\n--- the end of its log:\n${log.trimEnd() || '(empty)'}\n---`);
    this.name = 'ServerStartError';
    this.server = server;
    this.log = log;
  }
}
