import { messageOf } from '@isthmus/model';
import type { Diagnostic, SourceId } from '@isthmus/model';

/** What came of the config as it is now: why a change of it is not in force, or not yet, and what its sources failed with. */
export class ConfigNotes {
  #all: readonly Diagnostic[] = [];

  get all(): readonly Diagnostic[] {
    return this.#all;
  }

  /** Of another config, or of one that was refused. */
  replace(notes: readonly Diagnostic[]): void {
    this.#all = notes;
  }

  sourceFailed(source: SourceId, error: unknown): void {
    const failed = sourceFailure(source, error);
    this.#all = [...this.#all.filter((d) => d.code !== failed.code || d.where !== failed.where), failed];
    process.emitWarning(error instanceof Error ? error : new Error(String(error)));
  }
}

/** A source promises not to throw. */
function sourceFailure(source: SourceId, error: unknown): Diagnostic {
  return {
    code: 'registry.failed',
    severity: 'error',
    where: source,
    what: `reading ${source} failed inside the bridge: ${messageOf(error)}`,
    meaning: 'what it said before stays; it is started again every few seconds',
    remedy: 'this is a bug: report it with the log',
  };
}
