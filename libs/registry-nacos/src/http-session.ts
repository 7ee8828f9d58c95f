import { IsthmusError, pause, scopeId } from '@isthmus/model';
import type { ConnectionEnd } from './connection.ts';
import { DEFAULT_GROUP, findGroups, unknownGroups } from './group-finder.ts';
import { GroupReader } from './group-reader.ts';
import { HttpHints } from './http-hints.ts';
import { httpGet, httpReads } from './http-reads.ts';
import type { HttpGet } from './http-reads.ts';
import { renewLogin } from './namespace-context.ts';
import type { NamespaceContext } from './namespace-context.ts';
import type { ServerAddress } from './server-address.ts';

/**
 * One namespace over HTTP, for Nacos 1: every listing reads every service, because nothing else tells of a last removal.
 * Detection time: one listing interval (and 20 % jitter) plus the time of the reads; changes that npm `nacos` hears of come earlier.
 */
export class HttpSession {
  readonly #context: NamespaceContext;
  readonly #server: ServerAddress;
  readonly #groups = new Map<string, GroupReader>();
  readonly #over = new AbortController();
  readonly #hints: HttpHints | undefined;

  private constructor(context: NamespaceContext, server: ServerAddress) {
    this.#context = context;
    this.#server = server;
    this.#hints =
      context.config.auth === undefined
        ? new HttpHints(server, context.namespace, (group, name) => this.#hinted(group, name))
        : undefined;
  }

  /** Logs in and makes sure that Nacos answers. @throws IsthmusError when that fails. */
  static async open(context: NamespaceContext, server: ServerAddress, signal: AbortSignal): Promise<HttpSession> {
    await context.login.ensure(server, signal);
    await probeHttp(context, server, signal);
    return new HttpSession(context, server);
  }

  /** Reads until the registry is lost or `leave` says that there is something better. Resolves with the reason; never rejects. */
  async run(signal: AbortSignal, leave: () => Promise<boolean>): Promise<ConnectionEnd> {
    const over = AbortSignal.any([signal, this.#over.signal]);
    let cause = new IsthmusError('registry.unreachable', 'the session was ended by us');
    try {
      await this.#work(over, leave);
    } catch (thrown) {
      if (IsthmusError.is(thrown)) cause = thrown;
      else this.#context.report(thrown);
    } finally {
      this.close();
    }
    return { kind: 'lost', cause };
  }

  close(): void {
    this.#over.abort();
    this.#hints?.close();
  }

  async #work(signal: AbortSignal, leave: () => Promise<boolean>): Promise<void> {
    const { config, timing, deps, views } = this.#context;
    const get = httpGet(this.#context, this.#server, signal);
    const all = config.groups.includes('*');
    for (const group of all ? [DEFAULT_GROUP, ...views.keys()] : config.groups) this.#group(group, get);
    let groupsAt = all ? deps.clock.now() : Number.POSITIVE_INFINITY;
    while (!signal.aborted) {
      if (deps.clock.now() >= groupsAt) {
        await this.#findGroups(get, signal);
        groupsAt = deps.clock.now() + timing.groupsEvery;
      }
      for (const group of this.#groups.values()) await group.reconcile(1);
      if (this.#isLost()) throw new IsthmusError('registry.unreachable', this.#lostCause());
      await pause(config.listInterval * (0.8 + 0.4 * deps.random()), signal);
      if (await leave()) return;
      if (!signal.aborted) await renewLogin(this.#context, this.#server, signal);
    }
  }

  /** Nothing of the namespace could be listed: another server may do better. */
  #isLost(): boolean {
    return [...this.#groups.values()].every((group) => !group.view.isSynced);
  }

  #lostCause(): string {
    for (const { view } of this.#groups.values()) if (view.lostCause !== undefined) return view.lostCause;
    return 'no group could be listed';
  }

  #group(name: string, get: HttpGet): GroupReader {
    let group = this.#groups.get(name);
    if (group === undefined) {
      const reads = httpReads(get, this.#context.namespace, name, this.#hints);
      group = new GroupReader({ reads, view: this.#context.view(name), wanted: this.#context.wanted });
      this.#groups.set(name, group);
    }
    return group;
  }

  async #findGroups(get: HttpGet, signal: AbortSignal): Promise<void> {
    const { http, login, namespace, timing } = this.#context;
    const search = {
      http,
      server: this.#server,
      token: login.current(this.#server),
      namespace,
      deadlineMs: timing.requestDeadline,
    };
    const found = await findGroups(search, signal);
    const { view } = this.#group(DEFAULT_GROUP, get);
    view.diagnose('<groups>', found === undefined ? unknownGroups(scopeId(view.scope)) : undefined);
    for (const name of found ?? []) this.#group(name, get);
  }

  #hinted(group: string, name: string): void {
    this.#groups
      .get(group)
      ?.hint(name, true)
      .catch(() => undefined); // the next listing meets the same error and ends the session
  }
}

/** @throws IsthmusError unless Nacos's HTTP API answers. */
export async function probeHttp(context: NamespaceContext, server: ServerAddress, signal: AbortSignal): Promise<void> {
  const answer = await httpGet(context, server, signal)('/v1/ns/operator/metrics', {});
  if (answer['status'] === 'UP' || answer['status'] === undefined) return;
  throw new IsthmusError('registry.unreachable', `Nacos at ${server.http} says that it is ${String(answer['status'])}`);
}
