import { isAbsolute, resolve } from 'node:path';
import { readBounded, watchPath } from '@isthmus/config';
import type { ConfigProblem } from '@isthmus/config';
import { messageOf, serviceId } from '@isthmus/model';
import type { Diagnostic, Scope, SourceEvent, SourceId } from '@isthmus/model';
import { EventChannel, scopeDiagnostic } from '@isthmus/registry';
import type { RegistrySource, SourceDeps } from '@isthmus/registry';
import type { FileConfig } from './config.ts';
import { MOST_BYTES } from './documents.ts';
import { readServices } from './read-services.ts';
import type { Reading } from './read-services.ts';
import { readInThread } from './reading-thread.ts';

/** What is read at once takes less than 10 ms. */
const SMALL_BYTES = 8 * 1024;
const MOST_PROBLEMS = 50;

/** Follows a file of services. A file that is gone or wrong is a stale registry; `services: []` is an empty one. */
export class FileSource implements RegistrySource {
  readonly id: SourceId;
  readonly #file: string;
  readonly #deps: SourceDeps;
  readonly #quietMs: number | undefined;
  readonly #scope: Scope;

  /** @param quietMs see `watchPath` */
  constructor(id: SourceId, config: FileConfig, deps: SourceDeps, quietMs?: number) {
    this.id = id;
    this.#file = pathOf(config, deps.baseDir);
    this.#deps = deps;
    this.#quietMs = quietMs;
    this.#scope = { source: id, namespace: '', group: '' };
  }

  async *watch(signal: AbortSignal): AsyncGenerator<SourceEvent> {
    const channel = new EventChannel();
    const ended = new AbortController();
    const reader = new FileReader(this.#file, this.#scope, this.#deps, (event) => channel.push(event));
    const both = AbortSignal.any([signal, ended.signal]);
    channel.push({ kind: 'status', scope: this.#scope, status: { state: 'syncing' } });
    await watchPath(this.#file, {
      signal: both,
      onChange: () => reader.read(both),
      onBlind: (cause) => reader.blind(cause),
      ...(this.#quietMs === undefined ? {} : { quietMs: this.#quietMs }),
    });
    try {
      yield* channel.read(signal);
    } finally {
      ended.abort();
      await reader.idle;
    }
  }
}

export function pathOf({ path }: FileConfig, baseDir: string): string {
  return isAbsolute(path) ? path : resolve(baseDir, path);
}

class FileReader {
  readonly #file: string;
  readonly #scope: Scope;
  readonly #deps: SourceDeps;
  readonly #emit: (event: SourceEvent) => void;
  #last: Buffer | undefined;
  #staleSince: number | undefined;
  #blind: readonly Diagnostic[] = [];
  #diagnostics = '[]';
  idle: Promise<void> = Promise.resolve();

  constructor(file: string, scope: Scope, deps: SourceDeps, emit: (event: SourceEvent) => void) {
    this.#file = file;
    this.#scope = scope;
    this.#deps = deps;
    this.#emit = emit;
  }

  read(signal: AbortSignal): Promise<void> {
    return (this.idle = this.#read(signal));
  }

  blind(cause: unknown): void {
    const remedy = 'raise fs.inotify.max_user_watches and max_user_instances, then restart the bridge';
    const what = `cannot be watched: ${messageOf(cause)}`;
    this.#blind = [scopeDiagnostic(this.#file, 'registry.partial', what, 'changes of the file are not seen', remedy)];
    this.#tell([]);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const bytes = await this.#bytes();
    if (bytes === undefined || signal.aborted) return;
    this.#deps.onMessage?.(performance.now());
    if (this.#staleSince === undefined && this.#last?.equals(bytes) === true) return;
    this.#last = bytes;
    let reading: Reading;
    try {
      const job = { source: this.#scope.source, file: this.#file, bytes };
      reading = bytes.length <= SMALL_BYTES ? readServices(job.source, job.file, job.bytes) : await readInThread(job, signal);
    } catch (thrown) {
      if (!signal.aborted) this.#stale(messageOf(thrown), []);
      return;
    }
    if (signal.aborted) return;
    if (reading.kind === 'wrong') return this.#wrong(reading.problems);
    this.#staleSince = undefined;
    this.#tell(reading.diagnostics);
    const services = new Map(reading.records.map((record) => [serviceId(record.key), record]));
    this.#emit({ kind: 'snapshot', scope: this.#scope, services });
    this.#emit({ kind: 'status', scope: this.#scope, status: { state: 'live' } });
  }

  /** Undefined when it cannot be read, which has been said then. */
  async #bytes(): Promise<Buffer | undefined> {
    try {
      return Buffer.from(await readBounded(this.#file, MOST_BYTES));
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? '';
      const why = { ENOENT: 'there is no such file', EACCES: 'permission denied', EISDIR: 'it is a directory' }[code];
      this.#stale(`${this.#file} cannot be read: ${why ?? messageOf(cause)}`, []);
      return undefined;
    }
  }

  #wrong(problems: readonly ConfigProblem[]): void {
    const [first] = problems;
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    const place = ({ file, line, column }: ConfigProblem) => `${file}:${line}:${column}`;
    const meaning = 'the changed file is not used; what it said before stays in force';
    const diagnostics = problems
      .slice(0, MOST_PROBLEMS)
      .map((p) => scopeDiagnostic(place(p), 'answer.invalid', p.what, meaning, p.remedy));
    this.#stale(
      first === undefined ? 'it cannot be used' : `${place(first)}: ${first.what}; ${first.remedy}${more}`,
      diagnostics,
    );
  }

  #stale(cause: string, diagnostics: readonly Diagnostic[]): void {
    this.#staleSince ??= this.#deps.clock.now();
    this.#tell(diagnostics);
    this.#emit({ kind: 'status', scope: this.#scope, status: { state: 'stale', since: this.#staleSince, cause } });
  }

  #tell(diagnostics: readonly Diagnostic[]): void {
    const all = [...this.#blind, ...diagnostics];
    const text = JSON.stringify(all);
    if (text === this.#diagnostics) return;
    this.#diagnostics = text;
    this.#emit({ kind: 'diagnostics', scope: this.#scope, diagnostics: all });
  }
}
