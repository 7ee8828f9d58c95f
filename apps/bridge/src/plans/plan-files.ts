import { relative } from 'node:path';
import { YamlDirectory } from '@isthmus/config';
import type { Diagnostic } from '@isthmus/model';
import { MOST_PLAN_BYTES, readMigrations } from '@isthmus/plans';
import type { ReadMigrations, WrittenMigration } from '@isthmus/plans';
import { remove, specify } from './plan-changes.ts';
import { planDiagnostic } from './plan-diagnostics.ts';
import type { Plans } from './plans.ts';

/** What a file said when it could be read, with what it says now. */
interface PlanFile {
  readonly good: ReadonlyMap<string, WrittenMigration>;
  readonly now: ReadMigrations;
}

/**
 * The plans that files own. A file that cannot be read, or a plan that is wrong, keeps what it said last; a plan goes when its file
 * says no more of it. Only the leader's files count.
 */
export class PlanFiles {
  readonly #plans: Plans;
  readonly #directory: YamlDirectory<ReadMigrations>;
  readonly #files = new Map<string, PlanFile>();
  #trouble: readonly Diagnostic[] = [];
  #refused: readonly Diagnostic[] = [];
  #isRead = false;
  #isBusy = false;
  /** Something could not be done yet: looked at again when a plan has changed. */
  #again = false;

  constructor(plans: Plans, dir: string, quietMs?: number) {
    this.#plans = plans;
    this.#directory = openPlanDirectory(dir, {
      onFiles: (files) => this.#take(files),
      onTrouble: (what) => (this.#trouble = what === undefined ? [] : [planDiagnostic.unreadable(dir, what)]),
      ...(quietMs === undefined ? {} : { quietMs }),
    });
  }

  /** Follows the directory until the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = this.#plans.store.writer.onChange(() => this.#reconcile());
    this.#plans.store.onChange(() => {
      if (this.#again && !this.#isBusy && !signal.aborted) queueMicrotask(() => this.#reconcile());
    });
    await this.#directory.scan();
    this.#isRead = this.#trouble.length === 0;
    this.#reconcile();
    await this.#directory.watch(signal);
    stop();
  }

  diagnostics(): readonly Diagnostic[] {
    const invalid = [...this.#files.values()].flatMap(({ now }) => now.problems.map(planDiagnostic.invalid));
    return [...this.#trouble, ...invalid, ...this.#refused];
  }

  #take(files: ReadonlyMap<string, ReadMigrations | undefined>): void {
    for (const [path, now] of files) {
      if (now === undefined) this.#files.delete(path);
      else this.#files.set(path, { now, good: stillGood(this.#files.get(path)?.good, now) });
    }
    this.#isRead = true;
    this.#reconcile();
  }

  /** Brings the ledger to what the files say, on the leader. Before they were read once nothing is known to be gone. */
  #reconcile(): void {
    const { store } = this.#plans;
    if (!this.#isRead || this.#isBusy || !store.writer.isWriter()) return;
    this.#isBusy = true;
    this.#again = false;
    const wanted = new Map<string, WrittenMigration>();
    const refused: Diagnostic[] = [];
    for (const [, { good }] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (const [name, plan] of good) {
        const first = wanted.get(name);
        if (first === undefined) wanted.set(name, plan);
        else refused.push(planDiagnostic.refused(name, plan.place, `it is at ${first.place} already`, 'rename one of the two'));
      }
    const broken = new Set([...this.#files.values()].flatMap(({ now }) => now.refused));
    const isBroken = [...this.#files.values()].some(({ now }) => !now.readable);
    for (const entry of this.#plans.all()) {
      // After a restart it is not known what a broken file said; what the ledger has of it stays.
      if (entry.row.origin !== 'file' || wanted.has(entry.name) || broken.has(entry.name) || isBroken) continue;
      const gone = remove(this.#plans, entry, 'file');
      if ('write' in gone) gone.write?.();
    }
    for (const [name, plan] of wanted) {
      if (store.isPending(name)) {
        this.#again = true;
        continue;
      }
      const change = specify(this.#plans, plan, 'file');
      if ('write' in change) change.write?.();
      else refused.push(planDiagnostic.refused(name, plan.place, change.refused, change.remedy));
    }
    this.#refused = refused;
    this.#again ||= refused.length > 0;
    this.#isBusy = false;
  }
}

/** Files are named as seen from where the process was started, if they are below. */
export function openPlanDirectory(
  dir: string,
  options: {
    readonly onFiles: (files: ReadonlyMap<string, ReadMigrations | undefined>) => void;
    readonly onTrouble: (what: string | undefined) => void;
    readonly quietMs?: number;
  },
): YamlDirectory<ReadMigrations> {
  return new YamlDirectory({
    dir,
    mostBytes: MOST_PLAN_BYTES,
    nameOf: (path) => {
      const near = relative(process.cwd(), path);
      return near.startsWith('..') ? path : near;
    },
    *read(file, bytes) {
      yield;
      return readMigrations(file, bytes);
    },
    unreadable: (file, what) => {
      const why = 'its plans cannot be known';
      const problem = { file, line: 1, column: 1, what, why, remedy: 'make it readable for this user' };
      return { plans: [], problems: [problem], refused: [], readable: false };
    },
    ...options,
  });
}

function stillGood(
  before: ReadonlyMap<string, WrittenMigration> | undefined,
  now: ReadMigrations,
): ReadonlyMap<string, WrittenMigration> {
  const good = new Map(now.plans.map((plan) => [plan.migration.name, plan]));
  for (const [name, plan] of before ?? [])
    if (!good.has(name) && (!now.readable || now.refused.includes(name))) good.set(name, plan);
  return good;
}
