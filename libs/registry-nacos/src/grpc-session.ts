import { IsthmusError, pause, scopeId } from '@isthmus/model';
import { scopeDiagnostic } from '@isthmus/registry';
import { AskInTurns } from './ask-in-turns.ts';
import { NacosConnection } from './connection.ts';
import type { ConnectionEnd, ConnectionOptions } from './connection.ts';
import type { Json } from './json-body.ts';
import { wantsLogin } from './errors.ts';
import { FuzzyWatch } from './fuzzy-watch.ts';
import { DEFAULT_GROUP, findGroups, unknownGroups } from './group-finder.ts';
import { GroupReader } from './group-reader.ts';
import { bareName, grpcReads } from './grpc-reads.ts';
import type { Ask } from './grpc-reads.ts';
import { renewLogin } from './namespace-context.ts';
import type { NamespaceContext } from './namespace-context.ts';
import { serviceInfoOf } from './normalize.ts';
import type { ServerAddress } from './server-address.ts';

/** Diagnostics of the scope that are not about one service. */
const UNREADABLE_PUSH = '<push>';
const UNKNOWN_GROUPS = '<groups>';

/** One namespace over one connection, from the first listing to the connection's end. */
export class GrpcSession {
  readonly #context: NamespaceContext;
  readonly #server: ServerAddress;
  readonly #connection: NacosConnection;
  readonly #groups = new Map<string, GroupReader>();
  readonly #ask: Ask;
  readonly #turns = new AskInTurns();
  readonly #fuzzy: FuzzyWatch | undefined;
  readonly #over = new AbortController();
  #suspect = false;
  #loggedInAgainAt = Number.NEGATIVE_INFINITY;

  private constructor(context: NamespaceContext, server: ServerAddress, connect: (session: Handlers) => NacosConnection) {
    this.#context = context;
    this.#server = server;
    this.#connection = connect({
      onPush: (type, body) => this.#pushed(type, body),
      onUnreadable: (error) => this.#unreadable(error),
    });
    this.#ask = (type, body) => this.#askLoggedIn(type, body);
    const { groups } = context.config;
    this.#fuzzy = this.#connection.hasFuzzyWatch
      ? new FuzzyWatch({
          ask: this.#ask,
          namespace: context.namespace,
          groups: groups.includes('*') ? ['*'] : groups,
          onService: (group, name) => this.#hinted(group, name),
        })
      : undefined;
  }

  /** Logs in and connects. @throws IsthmusError when that fails; nothing is left open then. */
  static async open(context: NamespaceContext, server: ServerAddress, signal: AbortSignal): Promise<GrpcSession> {
    await context.login.ensure(server, signal);
    let handlers: Handlers | undefined;
    const connection = await NacosConnection.open(
      {
        address: server.grpc,
        ...(await context.channel(server)),
        token: () => context.login.current(server),
        namespace: context.namespace,
        timing: context.timing,
        large: context.large,
        onMessage: context.deps.onMessage,
        onHealthy: () => {
          for (const view of context.views.values()) view.heard();
        },
        onPush: (type, body) => handlers?.onPush(type, body),
        onUnreadable: (error) => handlers?.onUnreadable(error),
      },
      signal,
    );
    return new GrpcSession(context, server, (session) => {
      handlers = session;
      return connection;
    });
  }

  /** Reads until the connection ends. Resolves with the reason; never rejects. After a `reset` the connection still works. */
  async run(signal: AbortSignal): Promise<ConnectionEnd> {
    const over = AbortSignal.any([signal, this.#over.signal]);
    const work = this.#work(over).catch((thrown: unknown) => this.#broken(thrown));
    const end = await this.#connection.ended;
    this.#over.abort();
    await work;
    return end;
  }

  close(): void {
    this.#over.abort();
    this.#connection.close();
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { config, timing, deps } = this.#context;
    const all = config.groups.includes('*');
    for (const group of all ? [DEFAULT_GROUP, ...this.#context.views.keys()] : config.groups) this.#group(group);
    await Promise.all([
      all ? this.#findGroups(signal) : undefined,
      this.#fuzzy?.watch(true),
      ...[...this.#groups.values()].map((group) => group.sync()),
    ]);
    const { now } = deps.clock;
    let groupsAt = now() + timing.groupsEvery;
    let fuzzyAt = now() + timing.fuzzyResyncEvery;
    while (!signal.aborted) {
      await pause(config.listInterval * (0.8 + 0.4 * deps.random()), signal);
      if (signal.aborted) return;
      await renewLogin(this.#context, this.#server, signal);
      await this.#reconcile();
      if (all && now() >= groupsAt) {
        await this.#findGroups(signal);
        groupsAt = now() + timing.groupsEvery;
      }
      if (now() >= fuzzyAt) {
        await this.#fuzzy?.watch(false);
        fuzzyAt = now() + timing.fuzzyResyncEvery;
      }
    }
  }

  async #reconcile(): Promise<void> {
    const suspect = this.#suspect;
    this.#suspect = false;
    const share = suspect ? 1 : this.#context.config.listInterval / this.#context.timing.verifyEvery;
    for (const group of this.#groups.values()) {
      await group.reconcile(share);
      if (suspect && !this.#suspect) group.view.diagnose(UNREADABLE_PUSH, undefined);
    }
  }

  /** Errors that end the session end the connection, whose end ends the session. */
  #broken(thrown: unknown): void {
    if (!this.#over.signal.aborted) this.#context.report(thrown);
    this.#connection.close();
  }

  #group(name: string): GroupReader {
    let group = this.#groups.get(name);
    if (group === undefined) {
      const reads = grpcReads(this.#ask, this.#context.namespace, name);
      group = new GroupReader({ reads, view: this.#context.view(name), wanted: this.#context.wanted });
      this.#groups.set(name, group);
    }
    return group;
  }

  async #findGroups(signal: AbortSignal): Promise<void> {
    const { http, login, namespace, timing } = this.#context;
    const token = login.current(this.#server);
    let found: ReadonlySet<string> | undefined;
    try {
      found = await findGroups({ http, server: this.#server, token, namespace, deadlineMs: timing.requestDeadline }, signal);
    } catch (thrown) {
      if (!IsthmusError.is(thrown)) throw thrown;
      return; // HTTP is only needed to find groups; the next time will tell
    }
    const blind = found === undefined && (this.#fuzzy === undefined || this.#fuzzy.isLimited);
    const view = this.#group(DEFAULT_GROUP).view;
    view.diagnose(UNKNOWN_GROUPS, blind ? unknownGroups(scopeId(view.scope)) : undefined);
    for (const group of found ?? []) await this.#discovered(group);
  }

  async #discovered(name: string): Promise<void> {
    if (!this.#groups.has(name)) await this.#group(name).sync();
  }

  #hinted(groupName: string, name: string): void {
    const known = this.#groups.get(groupName);
    const work = known === undefined ? this.#discovered(groupName) : known.hint(name);
    work.catch((thrown: unknown) => this.#broken(thrown));
  }

  #pushed(type: string, body: Json): void {
    if (this.#fuzzy?.handle(type, body) === true || type !== 'NotifySubscriberRequest') return;
    const info = serviceInfoOf(body['serviceInfo']);
    const { name, groupName } = (body['serviceInfo'] ?? {}) as { name?: unknown; groupName?: unknown };
    const group = typeof groupName === 'string' ? this.#groups.get(groupName) : undefined;
    if (info === undefined || typeof name !== 'string' || group === undefined) {
      if (info === undefined)
        this.#unreadable(new IsthmusError('registry.protocol', `a push (${type}) has no serviceInfo with hosts`));
      return;
    }
    const service = bareName(name);
    group.received(service, info).catch((thrown: unknown) => {
      try {
        group.failed(service, thrown);
      } catch (fatal) {
        this.#broken(fatal);
      }
    });
  }

  /** Which service it is about cannot be known, so all of them are asked for at the next listing. */
  #unreadable(error: IsthmusError): void {
    this.#suspect = true;
    for (const { view } of this.#groups.values())
      view.diagnose(UNREADABLE_PUSH, unreadablePush(scopeId(view.scope), error.message));
  }

  /** A token may have been revoked, or lost with a restart: one new login, then the answer counts. */
  async #askLoggedIn(type: string, body: Json): Promise<Json> {
    await this.#turns.room();
    try {
      return await this.#connection.request(type, body);
    } catch (thrown) {
      const { login, deps, timing, config } = this.#context;
      const now = deps.clock.now();
      if (!wantsLogin(thrown) || config.auth === undefined || now - this.#loggedInAgainAt < timing.requestDeadline) throw thrown;
      this.#loggedInAgainAt = now;
      await login.ensure(this.#server, this.#over.signal, true);
      return await this.#connection.request(type, body);
    }
  }
}

type Handlers = Required<Pick<ConnectionOptions, 'onPush' | 'onUnreadable'>>;

function unreadablePush(where: string, what: string) {
  return scopeDiagnostic(
    where,
    'answer.invalid',
    what,
    'the push was ignored, all services are asked for instead',
    'look at the log of Nacos',
  );
}
