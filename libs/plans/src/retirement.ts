import { formatDuration } from '@isthmus/model';
import { rankOf } from '@isthmus/ladder';
import type { AgentPresence, ProviderWindow } from './fleet-view.ts';
import type { RegistrationNow } from './withdrawal.ts';

/** Who still subscribes a service at its registry. */
export type Subscribers =
  /** Those that are neither this bridge nor an agent: `10.0.0.9 (Nacos-Python-Client)`. */
  | { readonly kind: 'told'; readonly registry: string; readonly others: readonly string[] }
  /** The registry has no way to tell. */
  | { readonly kind: 'untold'; readonly registry: string }
  /** It has, and could not be asked. */
  | { readonly kind: 'unknown'; readonly registry: string; readonly why: string };

export interface RetirementFacts {
  /** One a registration; none where the target is in no registry that SDKs use. */
  readonly subscribers: readonly Subscribers[];
  readonly providers: readonly ProviderWindow[];
  /** Instances that should count what comes in. */
  readonly instances: number;
  /** Of these consumers. */
  readonly agents: readonly AgentPresence[];
  /** Instances that the mesh knows from elsewhere than the registration that would go. */
  readonly elsewhere: number;
  /** What would go, and who can take it out. */
  readonly registrations: readonly RegistrationNow[];
}

/** One thing that has to be proven; `unknown` refuses as `refuted` does. */
export interface ProofItem {
  readonly about: 'subscribers' | 'providers' | 'consumers' | 'registrations' | 'endpoints';
  readonly outcome: 'proven' | 'refuted' | 'unknown';
  readonly why: string;
}

export interface Proof {
  readonly items: readonly ProofItem[];
  /** When time alone would complete it, ms since the epoch. */
  readonly dueAt?: number;
}

export function isProven({ items }: Proof): boolean {
  return items.length > 0 && items.every(({ outcome }) => outcome === 'proven');
}

/** That nobody needs a registration any more. @param quietMs how long providers must have seen nobody come past the mesh */
export function proofOf(facts: RetirementFacts, quietMs: number, now: number): Proof {
  const providers = providersProof(facts, quietMs, now);
  const lookups = lookupsProof(facts.agents, quietMs, now);
  const items = [
    ...facts.subscribers.map(subscribersItem),
    providers.item,
    consumersItem(facts.agents),
    lookups.item,
    ...facts.registrations.map(registrationsItem),
    endpointsItem(facts),
  ];
  const due = [providers.dueAt, lookups.dueAt].filter((at) => at !== undefined);
  return { items, ...(due.length === 0 ? {} : { dueAt: Math.max(...due) }) };
}

function subscribersItem(subscribers: Subscribers): ProofItem {
  const about = 'subscribers';
  switch (subscribers.kind) {
    case 'told': {
      const { registry, others } = subscribers;
      if (others.length === 0) return { about, outcome: 'proven', why: `${registry} tells of no other subscriber` };
      const some = others.slice(0, 5).join(', ');
      return { about, outcome: 'refuted', why: `${others.length} still subscribe it at ${registry}: ${some}` };
    }
    case 'untold':
      return {
        about,
        outcome: 'proven',
        why: `${subscribers.registry} keeps no list of who asks for it; what can be proven is what providers count and agents report`,
      };
    case 'unknown':
      return { about, outcome: 'unknown', why: `${subscribers.registry} could not be asked who subscribes: ${subscribers.why}` };
    default:
      return subscribers satisfies never;
  }
}

function providersProof(
  { providers, instances }: RetirementFacts,
  quietMs: number,
  now: number,
): { item: ProofItem; dueAt?: number } {
  const item = (outcome: ProofItem['outcome'], why: string): ProofItem => ({ about: 'providers', outcome, why });
  const counting = providers.filter(({ connected }) => connected);
  if (counting.length === 0)
    return { item: item('unknown', 'no process of the target counts what comes in past the mesh (its own agent does)') };
  if (counting.length < instances)
    return {
      item: item('unknown', `${counting.length} processes of the target count what comes in, and it has ${instances} instances`),
    };
  const late = counting.filter(({ lastUnmarkedAt }) => lastUnmarkedAt !== undefined && lastUnmarkedAt > now - quietMs);
  const dueAt = Math.max(...counting.map(({ since, lastUnmarkedAt = since }) => Math.max(since, lastUnmarkedAt))) + quietMs;
  if (late.length > 0) {
    const peers = [...new Set(late.flatMap((provider) => provider.peers))].slice(0, 5).join(', ');
    return { item: item('refuted', `calls still come past the mesh${peers === '' ? '' : `, from ${peers}`}`), dueAt };
  }
  const watched = now - Math.max(...counting.map(({ since }) => since));
  if (watched < quietMs)
    return {
      item: item('unknown', `what comes in is counted for ${formatDuration(watched)} of ${formatDuration(quietMs)}`),
      dueAt,
    };
  return { item: item('proven', `no call came past the mesh for ${formatDuration(quietMs)}`) };
}

function consumersItem(agents: readonly AgentPresence[]): ProofItem {
  const about = 'consumers';
  const away = agents.filter(({ connected }) => !connected);
  if (away.length > 0) return { about, outcome: 'unknown', why: `not connected: ${names(away)}` };
  const below = agents.filter(
    ({ effective }) => effective !== undefined && (rankOf(effective.rung) < rankOf('resilience') || effective.percent < 100),
  );
  if (below.length > 0) return { about, outcome: 'refuted', why: `not yet wholly at resilience: ${names(below)}` };
  if (!agents.some(({ effective }) => effective !== undefined))
    return { about, outcome: 'unknown', why: 'no agent has reported of the target' };
  return { about, outcome: 'proven', why: 'every connected agent is wholly at resilience' };
}

/** Each instance has to be one that its own process registered, and whose agent can register it again. */
function registrationsItem({ key, sdkName, listed, holders }: RegistrationNow): ProofItem {
  const about = 'registrations';
  if (listed === undefined) return { about, outcome: 'unknown', why: `${key.source} cannot be read now` };
  const held = holders.reduce((sum, { connected, registered }) => sum + (connected ? registered : 0), 0);
  if (held >= listed)
    return {
      about,
      outcome: 'proven',
      why: `all ${listed} of ${sdkName} were registered by processes whose agents can take them out`,
    };
  const out = holders.some(({ withdrawn }) => withdrawn > 0);
  const why = out
    ? `${key.source} still lists ${listed - held} of ${sdkName} that an agent took out`
    : `${held} of ${listed} of ${sdkName} at ${key.source} were registered by a process whose agent could take them out`;
  return { about, outcome: out ? 'refuted' : 'unknown', why };
}

/** Calls that name an instance go through the sidecar as well, but without the registration the SDK has none to name. */
function lookupsProof(agents: readonly AgentPresence[], quietMs: number, now: number): { item: ProofItem; dueAt?: number } {
  const item = (outcome: ProofItem['outcome'], why: string): ProofItem => ({ about: 'consumers', outcome, why });
  const callers = agents.filter(({ effective }) => effective !== undefined);
  const silent = callers.filter(({ byInstance }) => byInstance === undefined);
  if (silent.length > 0) return { item: item('unknown', `does not count its calls by instance: ${names(silent)}`) };
  const moments = callers.flatMap(({ byInstance }) => (byInstance === undefined ? [] : [byInstance]));
  const dueAt =
    Math.max(Number.NEGATIVE_INFINITY, ...moments.map(({ since, lastAt = since }) => Math.max(since, lastAt))) + quietMs;
  const late = callers.filter(({ byInstance }) => byInstance?.lastAt !== undefined && byInstance.lastAt > now - quietMs);
  if (late.length > 0) {
    const why = `calls still name instances that their SDK found, from ${names(late)}: they have to name the mesh host`;
    return { item: item('refuted', why), dueAt };
  }
  if (dueAt > now)
    return { item: item('unknown', `calls by instance are counted for less than ${formatDuration(quietMs)}`), dueAt };
  return { item: item('proven', `no call named an instance for ${formatDuration(quietMs)}`) };
}

function endpointsItem({ elsewhere }: RetirementFacts): ProofItem {
  if (elsewhere > 0) return { about: 'endpoints', outcome: 'proven', why: `the mesh has ${elsewhere} instances from elsewhere` };
  const why = 'the mesh knows the instances by this registration alone: they would be gone there too';
  return { about: 'endpoints', outcome: 'refuted', why };
}

export function names(agents: readonly Pick<AgentPresence, 'service' | 'instance'>[]): string {
  const some = agents.slice(0, 5).map(({ service, instance }) => `${service}/${instance}`);
  return agents.length > 5 ? `${some.join(', ')} and ${agents.length - 5} more` : some.join(', ');
}
