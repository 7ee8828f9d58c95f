import { status } from '@grpc/grpc-js';
import { IsthmusError, messageOf, steadyClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { Admission } from './admission.ts';
import { BearerTokens } from './bearer-tokens.ts';
import type { ClientConfig, ClientStatus } from './client-status.ts';
import { Families } from './families.ts';
import type { GrpcCall } from './http2/grpc-call.ts';
import { GrpcServer } from './http2/grpc-server.ts';
import { secureContext } from './listen-options.ts';
import type { TlsOptions } from './listen-options.ts';
import { Rejections } from './rejections.ts';
import type { Rejection } from './rejections.ts';
import { RequestPace } from './request-pace.ts';
import type { NodeInfo } from './resource-provider.ts';
import { Retirements } from './retirement.ts';
import { SendBudget } from './send-budget.ts';
import { limitsOf } from './server-options.ts';
import type { XdsLimits, XdsServerOptions } from './server-options.ts';
import { SharedResponses } from './shared-responses.ts';
import { ADS_METHODS, MCP_METHODS } from './services.ts';
import type { StreamMethod } from './services.ts';
import { ADS, MCP } from './stream-profile.ts';
import type { StreamProfile } from './stream-profile.ts';
import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';
import { XdsStream } from './xds-stream.ts';
import { joinedConfig } from './stream-report.ts';

/** xDS for Envoy and proxyless gRPC: aggregated and per type, state of the world and delta. */
export function adsServer(options: XdsServerOptions): XdsServer {
  return new XdsServer(ADS, ADS_METHODS, options);
}

/** MCP-over-xDS: for istiod (`meshConfig.configSources`) whole types, paced by what it needs to take them; deltas for who asks for them. */
export function mcpServer(options: XdsServerOptions): XdsServer {
  return new XdsServer(MCP, MCP_METHODS, options);
}

export class XdsServer {
  readonly #profile: StreamProfile;
  readonly #options: XdsServerOptions;
  readonly #limits: XdsLimits;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #methods: ReadonlyMap<string, StreamMethod>;
  readonly #streams = new Set<XdsStream>();
  readonly #budget: SendBudget;
  readonly #admission: Admission;
  readonly #retirements: Retirements;
  readonly #families = new Families();
  readonly #rejections: Rejections;
  readonly #responses: SharedResponses;
  #tokens: BearerTokens | undefined;
  #server: GrpcServer | undefined;
  #state: 'waiting' | 'open' | 'closing' = 'waiting';
  #port: number | undefined;

  constructor(profile: StreamProfile, methods: readonly StreamMethod[], options: XdsServerOptions) {
    this.#profile = profile;
    this.#options = options;
    this.#limits = limitsOf(options);
    this.#clock = options.clock ?? steadyClock;
    this.#timers = options.timers ?? systemTimers;
    this.#budget = new SendBudget({}, this.#timers);
    this.#admission = new Admission(this.#limits, this.#clock);
    this.#retirements = new Retirements(this.#clock, this.#timers, options.retirement);
    this.#rejections = new Rejections(this.#clock);
    this.#responses = new SharedResponses(this.#clock.now().toString(36));
    this.#methods = new Map(methods.map((method) => [method.path, method]));
  }

  /** Undefined until it listens. */
  get port(): number | undefined {
    return this.#port;
  }

  /**
   * @returns the port
   * @throws IsthmusError `listen.refused` when the address is taken or not ours, `config.invalid` for TLS and token files
   */
  async listen(): Promise<number> {
    const { host, port, tls, auth, ready } = this.#options;
    if (auth !== undefined) this.#tokens = await BearerTokens.open(auth.tokensFile);
    this.#server = new GrpcServer({
      tls: tls === undefined ? undefined : { context: await secureContext(tls), requestCert: tls.clientCaFile !== undefined },
      messageBytes: this.#limits.requestBytes,
      has: (path) => this.#methods.has(path),
      accept: (path, call) => void this.#accept(call, this.#methods.get(path)!),
      turnedAway: (client, reason) => this.#tell({ kind: 'refused', node: '', address: client, code: 'UNAVAILABLE', reason }),
    });
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#port = await this.#server.listen(host, port).catch((error: Error) => {
      throw refused(this.#profile.name, address, error);
    });
    if (ready === undefined) this.#open();
    else void ready.then(() => this.#open());
    return this.#port;
  }

  /** `ads` or `mcp`. */
  get name(): StreamProfile['name'] {
    return this.#profile.name;
  }

  get tls(): TlsOptions | undefined {
    return this.#options.tls;
  }

  /**
   * Takes the certificate files as they are now: new connections see them, open ones stay. Does nothing without TLS.
   * @throws IsthmusError `config.invalid` when they cannot be used; those in use stay
   */
  async renewCertificates(): Promise<void> {
    const { tls } = this.#options;
    if (tls !== undefined) this.#server?.renew(await secureContext(tls));
  }

  /**
   * Tells every connection that no more streams are taken (GOAWAY), ends every stream with UNAVAILABLE, so that clients keep
   * what they have and come back, and lets what is on its way arrive. Takes at most `limits.drain`.
   */
  async close(): Promise<void> {
    this.#state = 'closing';
    const server = this.#server;
    if (server === undefined) return;
    const callOff = this.#timers.after(this.#limits.drain, () => server.destroy());
    const drained = server.drain();
    const why = 'the bridge is closing; keep what you have and reconnect';
    for (const stream of this.#streams) stream.end(status.UNAVAILABLE, why, 'drained');
    await drained;
    callOff();
  }

  /** One entry per stream that has said who it is, in the order in which they came. */
  clients(): ClientStatus[] {
    return [...this.#streams].flatMap((stream) => stream.status() ?? []);
  }

  /** Who was turned away or cut off lately, and why; newest first, at most 100. */
  rejections(): readonly Rejection[] {
    return this.#rejections.all;
  }

  /** What the node was sent, on all of its streams. Undefined if it is not connected. */
  config(nodeId: string): ClientConfig | undefined {
    return joinedConfig([...this.#streams].flatMap((stream) => (stream.node?.id === nodeId ? (stream.config() ?? []) : [])));
  }

  #open(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'open';
    for (const stream of this.#streams) stream.open();
  }

  async #accept(call: GrpcCall, method: StreamMethod): Promise<void> {
    const { peer } = call;
    const refusal = await this.#refusal(call);
    if (refusal !== undefined) {
      const { code, details } = refusal;
      this.#tell({ kind: 'refused', node: '', address: peer.address, code: status[code], reason: details });
      call.end(code, details);
      return;
    }
    const since = this.#clock.now();
    const gone = (): void => {
      if (!this.#streams.delete(stream)) return;
      stream.close();
      this.#admission.leave(peer);
      if (stream.node !== undefined) this.#admission.ended(peer, stream.node, since);
    };
    const stream = this.#stream(call, method, gone);
    this.#streams.add(stream);
    if (call.isClosed) return gone();
    call.onClose(gone);
    const pace = new RequestPace(this.#limits.requestsPerSecond, this.#clock);
    call.read({
      message: (bytes) => {
        const rest = pace.take();
        if (rest > 0) this.#rest(call, stream, rest);
        this.#receive(stream, bytes);
      },
      end: () => {
        gone();
        call.end(status.OK);
      },
      refused: ({ code, message }) => {
        this.#tell({ kind: 'ended', node: stream.node?.id ?? '', address: peer.address, code: status[code], reason: message });
        gone();
      },
    });
    if (this.#state === 'open') stream.open();
  }

  #receive(stream: XdsStream, bytes: Buffer): void {
    try {
      stream.receive(bytes);
    } catch (error) {
      // A provider that stumbles over a node's metadata costs that node its stream, not the bridge its life.
      stream.end(status.INTERNAL, `the bridge failed on this request: ${messageOf(error)}`);
    }
  }

  /** Reads nothing more of the stream for a while; flow control makes the client wait. */
  #rest(call: GrpcCall, stream: XdsStream, ms: number): void {
    call.pause();
    this.#timers.after(ms, () => call.resume());
    this.#tell({ kind: 'odd', what: 'throttled', node: stream.node?.id ?? '', address: call.peer.address });
  }

  async #refusal({ headers, peer }: GrpcCall): Promise<{ code: status; details: string } | undefined> {
    if (this.#options.tls?.clientCaFile !== undefined && peer.identity === undefined) {
      const details = 'no valid client certificate: connect with one that a CA of the bridge’s `tls.clientCaFile` has signed';
      return { code: status.UNAUTHENTICATED, details };
    }
    if (this.#tokens !== undefined && !(await this.#tokens.allows(headers.authorization))) {
      const details =
        'no valid token: send the metadata `authorization: Bearer <token>` with a token from the bridge’s tokens file';
      return { code: status.UNAUTHENTICATED, details };
    }
    if (this.#state === 'closing') return { code: status.UNAVAILABLE, details: 'the bridge is closing; reconnect' };
    const full = this.#admission.enter(peer);
    return full === undefined ? undefined : { code: status.RESOURCE_EXHAUSTED, details: full };
  }

  #stream(call: GrpcCall, method: StreamMethod, gone: () => void): XdsStream {
    const { peer } = call;
    return new XdsStream({
      profile: this.#profile,
      transport: method.transport,
      onlyType: method.onlyType,
      provider: this.#options.provider,
      budget: this.#budget,
      retirements: this.#retirements,
      familyOf: (node: NodeInfo) => this.#families.of(method, peer, node),
      returns: (node: NodeInfo) => this.#admission.mayReturn(peer, node),
      responses: this.#responses,
      maxNames: this.#limits.names,
      ...(this.#options.ttls === undefined ? {} : { ttls: this.#options.ttls }),
      clock: this.#clock,
      timers: this.#timers,
      onEvent: (event) => this.#tell(event),
      ...(this.#options.session === undefined ? {} : { session: this.#options.session }),
      channel: {
        peer,
        send: (message, done) => call.send(message, done),
        end: (code, details) => {
          gone();
          call.end(code, details);
        },
      },
    });
  }

  #tell(event: XdsEvent): void {
    if (event.kind === 'refused' || event.kind === 'ended') this.#rejections.note(event);
    this.#options.onEvent?.(event);
  }
}

function refused(name: string, address: string, cause: Error): IsthmusError {
  return new IsthmusError('listen.refused', `the ${name} server cannot listen on ${address}: ${messageOf(cause)}`, {
    where: address,
    meaning: 'no proxy can be served',
    remedy: 'choose a free port and an address of this machine (`outputs.*.listen`)',
    cause,
  });
}
