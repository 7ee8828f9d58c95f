import { checkShape, parseYamlDocuments, sortProblems } from '@isthmus/config';
import type { ConfigPath, ConfigProblem, YamlFile } from '@isthmus/config';
import { rankOf } from '@isthmus/ladder';
import { GATES } from './gate-expression.ts';
import type { Gate, Migration, PlanTarget, Step } from './migration.ts';
import { migrationSchema } from './migration-schema.ts';
import type { MigrationDocument } from './migration-schema.ts';

export const MOST_PLAN_BYTES = 1024 * 1024;
const MOST_PLANS = 1_000;
const DEFAULT_QUIET_MS = 24 * 3_600_000;

/** A plan and where it is written. */
export interface WrittenMigration {
  readonly migration: Migration;
  /** The document as it was written, plain data: what is kept and shown. */
  readonly document: unknown;
  /** `plans.d/orders.yaml:1:1` */
  readonly place: string;
}

export interface ReadMigrations {
  /** Those without an error, in the order of the file. */
  readonly plans: readonly WrittenMigration[];
  /** All that is wrong, sorted by place. */
  readonly problems: readonly ConfigProblem[];
  /** Names of plans that are there and wrong: not to be confused with those that are gone. */
  readonly refused: readonly string[];
  /** False where nothing of the file could be read. */
  readonly readable: boolean;
}

/** The plans of a YAML text (one or several documents, or a list of them; JSON is YAML too). Never throws. */
export function readMigrations(file: string, bytes: Uint8Array): ReadMigrations {
  const parsed = parseYamlDocuments(file, bytes, MOST_PLAN_BYTES);
  if ('problems' in parsed) return { plans: [], problems: sortProblems(parsed.problems), refused: [], readable: false };
  const written = parsed.documents.flatMap(documentsOf);
  if (written.length > MOST_PLANS) {
    const what = `${written.length} plans, the most is ${MOST_PLANS}`;
    const problem = { file, line: 1, column: 1, what, why: 'nobody can follow so many', remedy: 'split the file' };
    return { plans: [], problems: [problem], refused: [], readable: false };
  }
  const plans: WrittenMigration[] = [];
  const problems: ConfigProblem[] = [];
  const refused: string[] = [];
  const seen = new Map<string, string>();
  for (const at of written) {
    const { line, column } = at.yaml.valueAt(at.path);
    const place = `${file}:${line}:${column}`;
    const checked = checkShape(migrationSchema, at.yaml, at.path);
    const wrong = 'problems' in checked ? checked.problems : [...ruleProblems(checked.data, at)];
    const name = nameOf(at);
    const first = name === undefined ? undefined : seen.get(name);
    if (name !== undefined && first !== undefined)
      problems.push(
        problemAt(at, ['metadata', 'name'], `plan ${name} is at ${first} already`, 'a name is one plan', 'rename one of the two'),
      );
    if (name !== undefined && first === undefined) seen.set(name, place);
    problems.push(...wrong);
    if ('data' in checked && wrong.length === 0 && first === undefined)
      plans.push({ migration: migrationOf(checked.data), document: at.value, place });
    else if (name !== undefined && first === undefined) refused.push(name);
  }
  return { plans, problems: sortProblems(problems), refused, readable: true };
}

/** A document that was valid when it was kept; undefined where this version does not understand it any more. */
export function migrationFrom(document: unknown): Migration | undefined {
  const parsed = migrationSchema.safeParse(document);
  return parsed.success ? migrationOf(parsed.data) : undefined;
}

interface Written {
  readonly yaml: YamlFile;
  readonly path: ConfigPath;
  readonly value: unknown;
}

/** A document, or the items of a list as `kubectl get -o yaml` and `isthmus plan get -o yaml` write it. */
function documentsOf(yaml: YamlFile): readonly Written[] {
  const { value } = yaml;
  if (value === null || value === undefined) return [];
  if (isRecord(value) && Array.isArray(value['items']) && !('spec' in value))
    return value['items'].map((item: unknown, i) => ({ value: item, yaml, path: ['items', i] }));
  return [{ value, yaml, path: [] }];
}

function nameOf({ value }: Written): string | undefined {
  const metadata = isRecord(value) ? value['metadata'] : undefined;
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  return typeof name === 'string' && name.length <= 63 ? name : undefined;
}

/** What the shape cannot say: the order of the steps, and what has a meaning at which rung. */
function* ruleProblems({ metadata: { name }, spec }: MigrationDocument, at: Written): Generator<ConfigProblem> {
  const wrong = (path: ConfigPath, what: string, why: string, remedy: string): ConfigProblem =>
    problemAt(at, ['spec', ...path], `plan ${name}: ${what}`, why, remedy);
  if (spec.consumers.includes('*') && spec.consumers.length > 1)
    yield wrong(['consumers'], "consumers has '*' and names", "'*' is everyone already", "keep '*', or the names");
  for (const [i, step] of spec.steps.entries()) {
    const { rung, percent, hand, stickyBy, quiet, gate } = step;
    const before = spec.steps[i - 1];
    const here = (...path: ConfigPath) => ['steps', i, ...path];
    if (before !== undefined && rankOf(rung) < rankOf(before.rung))
      yield wrong(
        here('rung'),
        `step ${i + 1} goes down from ${before.rung} to ${rung}`,
        'a plan only climbs; the way down is a rollback',
        'order the steps as the ladder has them',
      );
    if (before?.rung === rung && percent < before.percent)
      yield wrong(
        here('percent'),
        `step ${i + 1} shrinks the share from ${before.percent} to ${percent}`,
        'calls that moved would move back',
        'order the shares upwards',
      );
    if (percent < 100 && (rung === 'shadow' || rung === 'retired'))
      yield wrong(
        here('percent'),
        `${rung} has no shares`,
        rung === 'shadow' ? 'nothing moves there' : 'a registration is there or it is not',
        'leave percent out',
      );
    if (hand !== undefined && rung !== 'resilience')
      yield wrong(here('hand'), `hand is set at ${rung}`, 'only resilience hands policies to the sidecar', 'leave hand out');
    if (stickyBy !== undefined && percent === 100)
      yield wrong(here('stickyBy'), 'stickyBy is set for all calls', 'it says who moves first', 'leave it out, or move a share');
    if (quiet !== undefined && rung !== 'retired')
      yield wrong(here('quiet'), `quiet is set at ${rung}`, 'it is part of the proof that retired needs', 'leave it out');
    if (rung === 'retired' && i === 0)
      yield wrong(
        here('rung'),
        'the first step is retired',
        'nothing before it could prove that nobody needs the registration',
        'begin lower on the ladder',
      );
    if (rung === 'retired' && i < spec.steps.length - 1)
      yield wrong(here('rung'), 'steps follow retired', 'nothing is above it', 'make it the last step');
    for (const name of ['errorRateDelta', 'p99Ratio', 'attemptsPerRequest'] as const)
      if (gate[name] !== undefined && rung === 'shadow')
        yield wrong(
          here('gate', name),
          `${name} is asked for at shadow`,
          'no call goes through the mesh there, so it would never pass',
          'ask for similarity there',
        );
  }
}

function migrationOf({ metadata, spec }: MigrationDocument): Migration {
  const target: PlanTarget = { ...spec.target, ...(spec.port === undefined ? {} : { port: spec.port }) };
  return {
    name: metadata.name,
    target,
    consumers: [...new Set(spec.consumers)].sort(),
    steps: spec.steps.map(stepOf),
    onFailure: spec.onFailure,
    acceptLossy: spec.acceptLossy,
    ...(spec.lease === undefined ? {} : { leaseS: Math.round(spec.lease / 1_000) }),
    ...(spec.originatesTls === undefined ? {} : { originatesTls: spec.originatesTls }),
  };
}

function stepOf({ rung, percent, stickyBy, hand, for: forMs, gate, quiet }: MigrationDocument['spec']['steps'][number]): Step {
  const conditions = Object.fromEntries(GATES.flatMap((name) => (gate[name] === undefined ? [] : [[name, gate[name]]])));
  return {
    rung,
    percent,
    forMs,
    gate: conditions as Gate,
    ...(stickyBy === undefined ? {} : { stickyBy }),
    ...(hand === undefined ? {} : { hand }),
    ...(rung === 'retired' ? { quietMs: quiet ?? DEFAULT_QUIET_MS } : {}),
  };
}

function problemAt({ yaml, path }: Written, at: ConfigPath, what: string, why: string, remedy: string): ConfigProblem {
  return { file: yaml.file, ...yaml.valueAt([...path, ...at]), what, why, remedy };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
