import type { Diagnostic } from './diagnostic.ts';

/**
 * The dry run of an output: what it would write, compared with what is there. Finding it out writes nothing.
 * All lists are sorted by name.
 */
export interface OutputPlan {
  /** As the config has it: `files out`, `kubernetes k8s/isthmus`, `publish shop`. */
  readonly output: string;
  readonly creates: readonly PlannedWrite[];
  readonly updates: readonly PlannedWrite[];
  /** Only what Isthmus itself has written before. */
  readonly deletes: readonly PlannedWrite[];
  /** What is there already as it would be written. */
  readonly unchanged: number;
  /** What would not be written, or could not be compared, and why. */
  readonly diagnostics: readonly Diagnostic[];
}

export interface PlannedWrite {
  /** What the output itself calls it: a file, `ServiceEntry isthmus/orders.nacos`, an instance of a registry. */
  readonly name: string;
  /** The text that is there; absent for what would be created. */
  readonly before?: string;
  /** The text that would be written; absent for what would be deleted. */
  readonly after?: string;
}

/** True when the output would write nothing. */
export function isEmptyPlan(plan: OutputPlan): boolean {
  return plan.creates.length + plan.updates.length + plan.deletes.length === 0;
}

/** Compares two sets of named texts, whatever the output keeps them in. */
export function planOf(
  output: string,
  there: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
  diagnostics: readonly Diagnostic[] = [],
): OutputPlan {
  const creates: PlannedWrite[] = [];
  const updates: PlannedWrite[] = [];
  const deletes: PlannedWrite[] = [];
  let unchanged = 0;
  for (const [name, after] of wanted) {
    const before = there.get(name);
    if (before === undefined) creates.push({ name, after });
    else if (before === after) unchanged += 1;
    else updates.push({ name, before, after });
  }
  for (const [name, before] of there) if (!wanted.has(name)) deletes.push({ name, before });
  for (const list of [creates, updates, deletes]) list.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { output, creates, updates, deletes, unchanged, diagnostics };
}
