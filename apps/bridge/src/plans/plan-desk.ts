import type { Catalog } from '@isthmus/catalog';
import type { LocalLedger } from '@isthmus/ledger';
import { messageOf, steadyClock } from '@isthmus/model';
import type { Diagnostic } from '@isthmus/model';
import { AgentTargets, NO_FLEET } from '@isthmus/plans';
import type { AgentPresence, FleetView, PlanBook, Subscribers } from '@isthmus/plans';
import type { Subscriber } from '@isthmus/registry';
import type { BridgeConfig } from '../engine/bridge-config.ts';
import { PlanFiles } from './plan-files.ts';
import { Plans } from './plans.ts';
import type { PlansParts } from './plans.ts';
import { listedOf, targetFacts } from './target-facts.ts';
import type { Registration } from './target-facts.ts';

/** Longest that a registry may take to say who subscribes, ms. */
const ASK_MS = 5_000;

export interface PlanDeskOptions {
  readonly ledger: LocalLedger;
  /** What is known of the agents, who are told what is in the book; nobody by default. */
  readonly fleet?: ((book: PlanBook) => FleetView) | undefined;
  /** Policies of its consumers that the mesh would lose; none by default. */
  readonly lossyOf?: PlansParts['lossyOf'] | undefined;
  /** The longest that the mesh gives a call to a host, ms; unlimited by default. */
  readonly timeoutOf?: PlansParts['timeoutOf'] | undefined;
  /** Every step, pause and rollback. */
  readonly log?: PlansParts['log'] | undefined;
  /** Those in force: they change with the config. */
  readonly config: () => BridgeConfig;
  readonly catalog: () => Catalog;
}

/** The plans of a bridge, the files that own some of them, and what its agents are told. */
export class PlanDesk {
  readonly plans: Plans;
  readonly book = new AgentTargets();
  readonly #files: PlanFiles | undefined;

  constructor({
    ledger,
    fleet,
    lossyOf = () => [],
    timeoutOf = () => undefined,
    log = () => undefined,
    config,
    catalog,
  }: PlanDeskOptions) {
    const kindOf = (source: string) => config().registries.find(({ id }) => id === source)?.kind;
    this.plans = new Plans({
      ledger,
      clock: steadyClock,
      book: this.book,
      fleet: fleet?.(this.book) ?? NO_FLEET,
      log,
      after: (ms, call) => {
        const timer = setTimeout(call, ms).unref();
        return () => clearTimeout(timer);
      },
      factsOf: (target) => targetFacts(catalog(), target, kindOf),
      listedOf: (key) => listedOf(catalog(), key),
      subscribersOf: (registration, agents) => subscribersOf(config(), registration, agents),
      ...{ lossyOf, timeoutOf },
    });
    const { dir } = config().plans;
    this.#files = dir === undefined ? undefined : new PlanFiles(this.plans, dir);
  }

  *diagnostics(): Generator<Diagnostic> {
    yield* this.plans.diagnostics();
    yield* this.#files?.diagnostics() ?? [];
  }

  /** Follows the files until the signal aborts; then nothing moves any more. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.plans.close(), { once: true });
    await this.#files?.run(signal);
  }
}

async function subscribersOf(
  config: BridgeConfig,
  { key, kind }: Registration,
  agents: readonly AgentPresence[],
): Promise<Subscribers> {
  const registry = key.source;
  const entry = config.registries.find(({ id }) => id === key.source);
  if (entry === undefined) return { kind: 'unknown', registry, why: 'it is not in the config' };
  if (kind.subscribers === undefined) return { kind: 'untold', registry };
  try {
    const told = await kind.subscribers(entry.config, key, config, AbortSignal.timeout(ASK_MS));
    return told === undefined ? { kind: 'untold', registry } : { kind: 'told', registry, others: othersIn(told, agents) };
  } catch (error) {
    return { kind: 'unknown', registry, why: messageOf(error) };
  }
}

/**
 * Subscribers that are no agents of ours: the SDK of a process with an agent stays subscribed, because its path stays warm. Of one
 * address as many are left out as agents are connected from there.
 */
export function othersIn(subscribers: readonly Subscriber[], agents: readonly AgentPresence[]): readonly string[] {
  const left = agents.filter(({ connected }) => connected);
  return subscribers.flatMap(({ address, client }) => {
    const at = left.findIndex(({ addresses = [] }) => addresses.includes(address));
    if (at < 0) return [client === '' ? address : `${address} (${client})`];
    left.splice(at, 1);
    return [];
  });
}
