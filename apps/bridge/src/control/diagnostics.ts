import type { Catalog, ScopeState } from '@isthmus/catalog';
import type { DiagnosticList, HeldView } from '@isthmus/contract';
import { formatDuration, scopeId } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { ageOf } from './ages.ts';
import { conflictDiagnostics, heldViews } from './views.ts';

/** Rows of one answer; the counts go on. */
const MOST_LISTED = 1_000;

/** @param of a code, or a part of the place; the others are neither listed nor counted */
export function listDiagnostics(all: Iterable<Diagnostic>, of?: string): DiagnosticList {
  const items: Diagnostic[] = [];
  const counts: Record<string, number> = {};
  for (const diagnostic of all) {
    if (of !== undefined && diagnostic.code !== of && !diagnostic.where.includes(of)) continue;
    counts[diagnostic.code] = (counts[diagnostic.code] ?? 0) + 1;
    if (items.length < MOST_LISTED) items.push(diagnostic);
  }
  return { items, counts };
}

/** Everything that is wrong with what the registries said: whole scopes first, so that many bad records never hide them. */
export function* catalogDiagnostics(catalog: Catalog, maxAgeMs: number): Generator<Diagnostic> {
  for (const state of catalog.scopes()) {
    yield* unreachable(state);
    yield* state.diagnostics;
    yield* tooOld(state, catalog.now(), maxAgeMs);
  }
  for (const held of heldViews(catalog)) {
    yield {
      code: 'removal.held',
      severity: 'warning',
      where: held.scope,
      what: heldText(held),
      ...endOf(held, catalog.scopeById(held.scope)),
    };
  }
  yield* conflictDiagnostics(catalog);
  for (const state of catalog.scopes()) for (const { record } of state.records.values()) yield* record.diagnostics;
}

/** What is missing may be in the part that cannot be read, for as long as that is so. */
function endOf(
  { scope, removing, unhealthy = 0 }: HeldView,
  state: ScopeState | undefined,
): Pick<Diagnostic, 'meaning' | 'remedy'> {
  const letThrough = `let it through: isthmus release-held ${scope}`;
  if (state?.status.state === 'partial' && removing > unhealthy)
    return {
      meaning: `they stay for as long as not all of the registry can be read: ${state.status.cause}`,
      remedy: `do what the cause says, or look at \`isthmus get held\` and ${letThrough}`,
    };
  return {
    meaning: 'they stay until the registry has said so for a while',
    remedy: `wait, look at \`isthmus get held\`, or ${letThrough}`,
  };
}

function heldText({ removing, unhealthy = 0, of }: HeldView): string {
  if (unhealthy === 0) return `${removing} of ${of} endpoints are no longer listed`;
  const gone = removing === unhealthy ? '' : `, and ${removing - unhealthy} are no longer listed`;
  return `${unhealthy} of ${of} endpoints are called unhealthy${gone}`;
}

/** The cause is the source's own sentence; often it names the remedy. */
function* unreachable({ scope, status, size, diagnostics }: ScopeState): Generator<Diagnostic> {
  if (status.state !== 'stale' || diagnostics.some(({ code }) => code === 'registry.unreachable')) return;
  yield {
    code: 'registry.unreachable',
    severity: 'warning',
    where: scopeId(scope),
    what: status.cause,
    meaning: size === 0 ? 'nothing is known of it yet' : `its ${size} endpoints stay as they were, marked stale`,
    remedy: 'do what the cause says, or look with isthmus doctor; it is tried again by itself',
  };
}

/** Said loudly, and served all the same: what is deleted because nobody answers is an outage (rule 1). */
function* tooOld(state: ScopeState, now: number, maxAgeMs: number): Generator<Diagnostic> {
  const age = ageOf(state, now);
  if (age === undefined || age <= maxAgeMs || state.records.size === 0) return;
  yield {
    code: 'scope.too-old',
    severity: 'error',
    where: scopeId(state.scope),
    what: `what is known of it is ${formatDuration(age)} old, more than ledger.maxAge`,
    meaning: `its ${state.size} endpoints are served all the same; many of them may be dead`,
    remedy: 'bring the registry back, or take it out of the config: then what it said goes',
  };
}
