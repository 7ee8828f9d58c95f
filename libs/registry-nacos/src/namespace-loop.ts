import { backoff, IsthmusError, messageOf, pause } from '@isthmus/model';
import type { ConnectionEnd } from './connection.ts';
import { GrpcSession } from './grpc-session.ts';
import { HttpSession, probeHttp } from './http-session.ts';
import type { NamespaceContext } from './namespace-context.ts';
import { redirected } from './server-address.ts';
import type { ServerAddress } from './server-address.ts';

/** `api: auto`: HTTP must answer where gRPC refuses that often in a row. One time may be a Nacos 2 that starts. */
const HTTP_PROOFS = 2;

/**
 * Keeps one namespace read for as long as the signal lives: one session after the other, on the next server after each loss,
 * with a jittered backoff. Never throws.
 */
export class NamespaceLoop {
  readonly #context: NamespaceContext;
  readonly #servers: readonly ServerAddress[];
  readonly #lost: (cause: string) => void;
  #httpProofs = 0;

  constructor(context: NamespaceContext, servers: readonly ServerAddress[], lost: (cause: string) => void) {
    this.#context = context;
    this.#servers = servers;
    this.#lost = lost;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { deps, timing } = this.#context;
    let at = Math.floor(deps.random() * this.#servers.length); // many bridges spread over the members
    for (let attempt = 0; !signal.aborted; at += 1) {
      const server = this.#servers[at % this.#servers.length] as ServerAddress;
      const worked = await this.#session(server, signal);
      if (signal.aborted) return;
      attempt = worked ? 0 : attempt + 1;
      await pause(backoff(attempt, deps.random, timing.reconnectBase), signal);
    }
  }

  /** True when the session got as far as reading something. */
  async #session(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
    try {
      const http = this.#context.config.api === 'http' || (await this.#speaksHttpOnly(server, signal));
      const worked = http ? await this.#overHttp(server, signal) : await this.#overGrpc(server, signal);
      if (http && this.#context.config.api === 'auto') this.#httpProofs = 0;
      return worked;
    } catch (thrown) {
      this.#lost(causeOf(server, thrown));
      return false;
    }
  }

  async #overGrpc(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
    let session = await this.#open(server, signal);
    for (;;) {
      const end = await session.run(signal);
      const worked = this.#worked();
      if (end.kind === 'lost') {
        this.#lost(causeOf(server, this.#context.takeReport() ?? end.cause));
        return worked;
      }
      const next = await this.#move(server, end, signal);
      session.close(); // only now: nothing is lost while the new connection is made
      if (next === undefined) {
        this.#lost(`${server.grpc} asked us to move, and no other server could be reached`);
        return worked;
      }
      session = next;
    }
  }

  async #open(server: ServerAddress, signal: AbortSignal): Promise<GrpcSession> {
    try {
      const session = await GrpcSession.open(this.#context, server, signal);
      this.#httpProofs = 0;
      return session;
    } catch (thrown) {
      if (this.#context.config.api === 'auto' && IsthmusError.is(thrown) && thrown.code === 'registry.unreachable') {
        await probeHttp(this.#context, server, signal).then(
          () => (this.#httpProofs += 1),
          () => (this.#httpProofs = 0),
        );
      }
      throw thrown;
    }
  }

  /** The server that Nacos named, else any other, else the same one anew. */
  async #move(
    from: ServerAddress,
    end: Extract<ConnectionEnd, { kind: 'reset' }>,
    signal: AbortSignal,
  ): Promise<GrpcSession | undefined> {
    const others = this.#servers.filter((server) => server.grpc !== from.grpc);
    const named =
      end.ip === undefined || end.httpPort === undefined
        ? []
        : [redirected(from, end.ip, end.httpPort, this.#context.config.grpcPortOffset)];
    for (const server of [...named, ...others, from]) {
      try {
        return await GrpcSession.open(this.#context, server, signal);
      } catch {
        if (signal.aborted) return undefined; // else the next one
      }
    }
    return undefined;
  }

  async #speaksHttpOnly(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
    if (this.#httpProofs < HTTP_PROOFS) return false;
    return !(await this.#speaksGrpc(server, signal));
  }

  async #overHttp(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
    const { config, deps, timing } = this.#context;
    const session = await HttpSession.open(this.#context, server, signal);
    let probeAt = deps.clock.now() + timing.grpcProbeEvery;
    const leave = async () => {
      if (config.api === 'http' || deps.clock.now() < probeAt) return false;
      probeAt = deps.clock.now() + timing.grpcProbeEvery;
      return await this.#speaksGrpc(server, signal);
    };
    const end = await session.run(signal, leave);
    const worked = this.#worked();
    if (end.kind === 'lost') this.#lost(causeOf(server, this.#context.takeReport() ?? end.cause));
    return worked;
  }

  async #speaksGrpc(server: ServerAddress, signal: AbortSignal): Promise<boolean> {
    try {
      (await GrpcSession.open(this.#context, server, signal)).close();
      return true;
    } catch {
      return false;
    }
  }

  #worked(): boolean {
    return [...this.#context.views.values()].some((view) => view.isSynced);
  }
}

function causeOf(server: ServerAddress, thrown: unknown): string {
  const what = IsthmusError.is(thrown) ? thrown.message : messageOf(thrown);
  return `${server.http}: ${what}`;
}
