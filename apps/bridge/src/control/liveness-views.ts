import { CHECKS, EVICTIONS, describeEviction, differences } from '@isthmus/catalog';
import type { Listing } from '@isthmus/catalog';
import type { DiffView, HeldView } from '@isthmus/contract';
import { addressKey, formatDuration } from '@isthmus/model';
import type { Diagnostic, Endpoint, ServiceId } from '@isthmus/model';
import type { Engine } from '../engine/engine.ts';

/** What the bridge knows of who lives, in the shapes of the control API. Computed on demand. */

const MOST_HELD_NAMES = 20;

/** Evictions, and findings of checks, that wait for a confirmation or an operator. */
export function heldLivenessViews({ liveness, catalog, config }: Engine): readonly HeldView[] {
  const now = catalog.now();
  const evictions = liveness.crossChecks.flatMap((check) =>
    check.guard.held().map(({ scope, since, removing, of, services }) => ({
      scope: `${EVICTIONS}${scope}`,
      since,
      removing,
      of,
      confirmAt: since + config.guard.confirmAfterMs,
      heldMs: Math.max(0, now - since),
      services: services.slice(0, MOST_HELD_NAMES),
    })),
  );
  const checks = liveness.checks.verdicts.held().map(({ rule, since, failing, of, services }) => ({
    scope: `${CHECKS}${rule}`,
    since,
    removing: failing,
    of,
    // Never by itself: while nothing succeeds it is the checker that is ill.
    confirmAt: Number.MAX_SAFE_INTEGER,
    heldMs: Math.max(0, now - since),
    services: services.slice(0, MOST_HELD_NAMES),
  }));
  return [...evictions, ...checks];
}

export interface OwnReason {
  readonly why: 'stale-in-registry' | 'failed-check' | 'filtered';
  readonly reason: string;
}

/** Why an endpoint gets no traffic although its registry says that it is well; undefined: for no reason of ours. */
export function whyLeftOut({ liveness, catalog }: Engine, service: ServiceId, endpoint: Endpoint): OwnReason | undefined {
  const key = addressKey(endpoint);
  for (const check of liveness.crossChecks) {
    for (const listing of check.evictionsOf(service)) {
      if (listing.state !== 'evicted' || addressKey(listing.endpoint) !== key) continue;
      return { why: 'stale-in-registry', reason: `evicted: ${reasonOf(listing, catalog.now())}` };
    }
  }
  const found = liveness.checks.verdicts.resultOf(service, key);
  if (found !== undefined && !found.healthy && found.isProven && endpoint.health === 'healthy') {
    const reason = `check ${found.rule}: ${found.reason}, for ${formatDuration(catalog.now() - found.since)}`;
    return { why: 'failed-check', reason };
  }
  const pair = liveness.pairs.publishedAs(service);
  return pair === undefined || liveness.pairs.pairOf(pair)?.rule.keepHost === true
    ? undefined
    : { why: 'filtered', reason: `merge.kubernetes: it is one service with ${pair}` };
}

/** What registries and Kubernetes say differently of the services that `merge.kubernetes` pairs. */
export function diffViews({ liveness: { pairs }, catalog }: Engine, host: string | undefined): readonly DiffView[] {
  const part = host?.toLowerCase() ?? '';
  const views = [...pairs.ids()].flatMap((id): readonly DiffView[] => {
    const pair = pairs.pairOf(id);
    if (pair === undefined) return [];
    const decided = catalog.rules.hostOf(pair.registry).host;
    if (!decided.includes(part)) return [];
    return [
      {
        host: decided,
        registry: id,
        kubernetes: pairs.twinIdOf(id) ?? '',
        missing: pair.kubernetes === undefined,
        policy: pair.rule.policy,
        differences: differences(pair).map((difference) => ({ ...difference, at: difference.at.replace(' ', ':') })),
      },
    ];
  });
  return views.sort((a, b) => (`${a.host} ${a.registry}` < `${b.host} ${b.registry}` ? -1 : 1));
}

export function* livenessDiagnostics(engine: Engine): Generator<Diagnostic> {
  const { liveness, catalog } = engine;
  for (const check of liveness.crossChecks) {
    const { status } = check;
    if (status.state !== 'live') {
      const cause = 'cause' in status ? `: ${status.cause}` : '';
      yield {
        code: 'workloads.unknown',
        severity: 'warning',
        where: check.source,
        what: `the Pods of ${check.source} are ${status.state}${cause}`,
        meaning: check.isKnown
          ? 'an address in podCidrs without a Pod is not judged'
          : 'nothing more is evicted or admitted until they are known completely; what was, stays',
        remedy: 'isthmus doctor tells whether the API server answers and which rights are missing',
      };
    }
    for (const listing of check.evictions()) {
      if (listing.state !== 'evicted') continue;
      yield {
        code: 'endpoint.evicted',
        severity: 'warning',
        where: `${listing.service} ${listing.endpoint.address}:${listing.endpoint.port}`,
        what: reasonOf(listing, catalog.now()),
        meaning: 'it gets no traffic from the mesh, although its registry lists it',
        remedy:
          'mend the Pod, or find out why the registration outlives it; SDK callers still call it unless liveness.correct is set',
      };
    }
  }
  for (const { scope, removing, of } of heldLivenessViews(engine)) {
    const checks = scope.startsWith(CHECKS);
    yield {
      code: 'eviction.held',
      severity: 'warning',
      where: scope,
      what: checks
        ? `${removing} of ${of} endpoints fail, and no check has succeeded since they do`
        : `${removing} of ${of} endpoints have no Pod that is well`,
      meaning: checks ? 'it is rather the checker that cannot reach them: they are used' : 'they are used until it is confirmed',
      remedy: `look whether it is so; let it through: isthmus release-held ${scope}`,
    };
  }
  for (const [source, { cause }] of liveness.corrections.failures) {
    yield {
      code: 'correction.failed',
      severity: 'error',
      where: source,
      what: cause,
      meaning: 'SDK callers go on calling what is dead there; it is tried again',
      remedy: 'give the account the right to change instances (docs/liveness.md, Corrections)',
    };
  }
}

function reasonOf({ eviction }: Listing, now: number): string {
  if (eviction === undefined) return '';
  const since = new Date(eviction.since).toISOString();
  return `${describeEviction(eviction)} since ${since} (${formatDuration(now - eviction.since)})`;
}
