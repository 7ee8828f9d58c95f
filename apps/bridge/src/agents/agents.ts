import type { ServerResponse } from 'node:http';
import type { AgentsConfig } from '@isthmus/config';
import type { AgentReport } from '@isthmus/contract';
import type { Diagnostic, MeshHost, MeshService } from '@isthmus/model';
import type { PlanBook, TargetId } from '@isthmus/plans';
import { AgentStreams } from './agent-streams.ts';
import type { Refusal, StreamClaim } from './agent-streams.ts';
import { AgentTokens } from './agent-tokens.ts';
import type { Speaker } from './agent-tokens.ts';
import { ConsumerChannel } from './consumer-channel.ts';
import { encodeEvent } from './event-ring.ts';
import { Fleet } from './fleet.ts';
import { ReportForwarder } from './forward-reports.ts';
import type { Leader } from './forward-reports.ts';
import { WatchedPolicies } from './kept-policies.ts';
import { TargetFeeds } from './target-feeds.ts';

export interface AgentsParts {
  readonly config: () => AgentsConfig;
  /** Read once: a change of it needs a restart. */
  readonly tokens: Pick<AgentsConfig, 'tokensFile' | 'open'>;
  readonly bridge: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly merged: (host: MeshHost) => MeshService | undefined;
  readonly leader: () => Leader;
  /** The ledger was read. Before that nobody knows what agents were told, and they keep it. */
  readonly isReady: () => boolean;
  readonly signal: AbortSignal;
}

/** Channels of services nobody of is connected are kept up to this many. */
const MOST_CHANNELS = 10_000;
/** Reports of one process: so many at once, and then so many a second. A change of the plan is acknowledged by one. */
const REPORTS_AT_ONCE = 20;
const REPORTS_PER_SECOND = 5;

/** The agents of this bridge: who may connect, what each service is told, and what they say. */
export class Agents {
  readonly fleet: Fleet;
  /** Policies of their services that registries keep. */
  readonly kept = new WatchedPolicies();
  readonly tokens: AgentTokens;
  readonly streams: AgentStreams;
  readonly forwarder: ReportForwarder;
  readonly #parts: AgentsParts;
  readonly #feeds: TargetFeeds;
  readonly #channels = new Map<string, ConsumerChannel>();
  readonly #allowed = new Map<string, { left: number; at: number }>();
  #book: PlanBook | undefined;

  private constructor(parts: AgentsParts, tokens: AgentTokens) {
    this.#parts = parts;
    this.tokens = tokens;
    const { config, bridge, now } = parts;
    this.fleet = new Fleet({ now, limits: config });
    this.forwarder = new ReportForwarder({ leader: parts.leader });
    this.#feeds = new TargetFeeds({
      merged: parts.merged,
      made: ({ target, endpoints }) => this.fleet.shadow.mesh(target, endpoints),
      unused: (target) => this.fleet.shadow.forget(target),
    });
    this.streams = new AgentStreams({
      ...{ config, bridge, now },
      opening: ({ service, lastId }) => this.#channel(service)?.opening(lastId) ?? [],
      opened: (stream) => this.fleet.opened(stream),
      closed: (stream) => this.fleet.closed(stream),
    });
    tokens.onChange = () =>
      this.streams.review(({ service, authorization }) => {
        const speaker = tokens.speaker(authorization);
        return speaker !== undefined && tokens.mayBe(speaker, service);
      });
    parts.signal.addEventListener('abort', () => this.streams.close());
  }

  static async open(parts: AgentsParts): Promise<Agents> {
    const { tokensFile, open } = parts.tokens;
    return new Agents(parts, await AgentTokens.open({ tokensFile, open, signal: parts.signal }));
  }

  /** What there are plans for. To be called once, before the first agent comes. */
  follow(book: PlanBook): Fleet {
    this.#book = book;
    this.fleet.follow(book, (service) => this.#channel(service));
    book.onChange(({ target, consumers }) => {
      if (consumers.includes('*')) for (const channel of this.#channels.values()) channel.planChanged(target);
      else for (const service of consumers) this.#channels.get(service)?.planChanged(target);
    });
    book.onWithdrawn((service) => this.#channels.get(service)?.withdrawnChanged());
    return this.fleet;
  }

  /** Hosts whose services may be others. */
  touch(hosts: Iterable<MeshHost>): void {
    this.#feeds.touch(hosts);
  }

  get diagnostics(): readonly Diagnostic[] {
    return [...this.tokens.diagnostics, ...this.forwarder.diagnostics, ...this.kept.diagnostics];
  }

  speaker(authorization: string | undefined): Speaker | undefined {
    return this.tokens.speaker(authorization);
  }

  mayBe(speaker: Speaker, service: string): boolean {
    return this.tokens.mayBe(speaker, service);
  }

  refusal(service: string): Refusal | undefined {
    return this.#parts.isReady() ? this.streams.refusal(service) : { why: 'not-ready', retryAfterS: 1 };
  }

  openStream(claim: StreamClaim, response: ServerResponse): void {
    this.streams.open(claim, response);
  }

  /**
   * @param forwarded by a replica that follows: not passed on once more
   * @returns whose SDK views are wanted; undefined where this process reports too often
   */
  async report(
    report: AgentReport,
    from: { readonly address: string; readonly authorization: string | undefined; readonly forwarded: boolean },
  ): Promise<readonly TargetId[] | undefined> {
    const { service, instance } = report;
    if (!this.#mayReport(`${service}/${instance}`)) return undefined;
    const own = this.fleet.report(report, from.address);
    const asked =
      this.forwarder.isNeeded && !from.forwarded ? await this.forwarder.forward(report, from.authorization, from.address) : own;
    for (const { host, port } of asked)
      this.streams.sendTo(service, instance, encodeEvent('ask', JSON.stringify({ host, port })));
    return asked;
  }

  #channel(service: string): ConsumerChannel | undefined {
    const held = this.#channels.get(service);
    if (held !== undefined || this.#book === undefined) return held;
    if (this.#channels.size >= MOST_CHANNELS) this.#dropOneUnused();
    const { now } = this.#parts;
    const channel = new ConsumerChannel({
      ...{ service, book: this.#book, feeds: this.#feeds, now },
      send: (bytes) => this.streams.send(service, bytes),
    });
    this.#channels.set(service, channel);
    return channel;
  }

  #dropOneUnused(): void {
    for (const [service, channel] of this.#channels) {
      if (this.streams.has(service)) continue;
      channel.close();
      this.#channels.delete(service);
      return;
    }
  }

  #mayReport(process: string): boolean {
    const now = this.#parts.now();
    const { left, at } = this.#allowed.get(process) ?? { left: REPORTS_AT_ONCE, at: now };
    const tokens = Math.min(REPORTS_AT_ONCE, left + (Math.max(0, now - at) * REPORTS_PER_SECOND) / 1_000);
    this.#allowed.delete(process); // so that the map stays in the order of use
    this.#allowed.set(process, { left: tokens < 1 ? tokens : tokens - 1, at: now });
    if (this.#allowed.size > this.#parts.config().maxAgents) this.#allowed.delete(this.#allowed.keys().next().value as string);
    return tokens >= 1;
  }
}
