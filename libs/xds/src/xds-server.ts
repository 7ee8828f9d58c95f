import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { IsthmusError, messageOf, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { Admission } from './admission.ts';
import { BearerTokens } from './bearer-tokens.ts';
import type { ClientConfig, ClientStatus } from './client-status.ts';
import { Families } from './families.ts';
import { grpcRefusals } from './grpc-refusals.ts';
import { serverCredentials } from './listen-options.ts';
import type { RenewableCredentials, TlsOptions } from './listen-options.ts';
import { peerOf } from './peer.ts';
import { Rejections } from './rejections.ts';
import type { Rejection } from './rejections.ts';
import { RequestPace } from './request-pace.ts';
import type { NodeInfo, Peer } from './resource-provider.ts';
import { Retirements } from './retirement.ts';
import { SendBudget } from './send-budget.ts';
import { limitsOf } from './server-options.ts';
import type { XdsLimits, XdsServerOptions } from './server-options.ts';
import { ADS_METHODS, MCP_METHODS, serviceDefinition } from './services.ts';
import type { StreamMethod } from './services.ts';
import { ADS, MCP } from './stream-profile.ts';
import type { StreamProfile } from './stream-profile.ts';
import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';
import { XdsStream } from './xds-stream.ts';

type Call = ServerDuplexStream<Buffer, Buffer>;

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
  readonly #server: Server;
  readonly #streams = new Set<XdsStream>();
  readonly #budget: SendBudget;
  readonly #admission: Admission;
  readonly #retirements: Retirements;
  readonly #families = new Families();
  readonly #rejections: Rejections;
  #tokens: BearerTokens | undefined;
  #credentials: RenewableCredentials | undefined;
  #state: 'waiting' | 'open' | 'closing' = 'waiting';
  #opened = 0;
  #port: number | undefined;

  constructor(profile: StreamProfile, methods: readonly StreamMethod[], options: XdsServerOptions) {
    this.#profile = profile;
    this.#options = options;
    this.#limits = limitsOf(options);
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#budget = new SendBudget({}, this.#timers);
    this.#admission = new Admission(this.#limits, this.#clock);
    this.#retirements = new Retirements(this.#clock, this.#timers, options.retirement);
    this.#rejections = new Rejections(this.#clock);
    this.#server = new Server({
      'grpc.max_receive_message_length': this.#limits.requestBytes,
      'grpc.max_send_message_length': -1,
      interceptors: [grpcRefusals((refused) => this.#tell({ kind: 'ended', node: '', ...refused }))],
      // A peer that vanished without a word is noticed in 40 s.
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
    });
    const handlers = methods.map((method) => [method.path, (call: Call) => void this.#accept(call, method)]);
    this.#server.addService(serviceDefinition(methods), Object.fromEntries(handlers));
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
    this.#credentials = await serverCredentials(tls);
    const credentials = this.#credentials ?? ServerCredentials.createInsecure();
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, at) => {
        if (error === null) resolve(at);
        else reject(refused(this.#profile.name, address, error));
      });
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
    await this.#credentials?.renew();
  }

  /**
   * Tells every connection that no more streams are taken (GOAWAY), ends every stream with UNAVAILABLE, so that clients keep
   * what they have and come back, and lets what is on its way arrive. Takes at most `limits.drain`.
   */
  async close(): Promise<void> {
    this.#state = 'closing';
    await new Promise<void>((resolve) => {
      const callOff = this.#timers.after(this.#limits.drain, () => {
        this.#server.forceShutdown();
        resolve();
      });
      this.#server.tryShutdown(() => {
        callOff();
        resolve();
      });
      const why = 'the bridge is closing; keep what you have and reconnect';
      for (const stream of this.#streams) stream.end(status.UNAVAILABLE, why, 'drained');
    });
  }

  /** One entry per stream that has said who it is, in the order in which they came. */
  clients(): ClientStatus[] {
    return [...this.#streams].flatMap((stream) => stream.status() ?? []);
  }

  /** Who was turned away or cut off lately, and why; newest first, at most 100. */
  rejections(): readonly Rejection[] {
    return this.#rejections.all;
  }

  /** What the node was sent; of several streams of one node the newest. Undefined if it is not connected. */
  config(nodeId: string): ClientConfig | undefined {
    return [...this.#streams].findLast((stream) => stream.node?.id === nodeId)?.config();
  }

  #open(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'open';
    for (const stream of this.#streams) stream.open();
  }

  async #accept(call: Call, method: StreamMethod): Promise<void> {
    call.on('error', () => undefined); // a reset by the peer; 'cancelled' follows
    const peer = peerOf(call);
    const refusal = await this.#refusal(call, peer);
    if (refusal !== undefined) {
      const { code, details } = refusal;
      this.#tell({ kind: 'refused', node: '', address: peer.address, code: status[code], reason: details });
      call.emit('error', refusal);
      return;
    }
    const since = this.#clock.now();
    const gone = (): void => {
      if (!this.#streams.delete(stream)) return;
      stream.close();
      this.#admission.leave(peer);
      if (stream.node !== undefined) this.#admission.ended(peer, stream.node, since);
    };
    const stream = this.#stream(call, method, peer, gone);
    this.#streams.add(stream);
    if (call.cancelled) return gone();
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('end', () => {
      gone();
      call.end();
    });
    const pace = new RequestPace(this.#limits.requestsPerSecond, this.#clock);
    call.on('data', (bytes: Buffer) => {
      const rest = pace.take();
      if (rest > 0) this.#rest(call, stream, peer, rest);
      this.#receive(stream, bytes);
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
  #rest(call: Call, stream: XdsStream, { address }: Peer, ms: number): void {
    call.pause();
    this.#timers.after(ms, () => void call.resume());
    this.#tell({ kind: 'odd', what: 'throttled', node: stream.node?.id ?? '', address });
  }

  async #refusal(call: Call, peer: Peer): Promise<{ code: status; details: string } | undefined> {
    if (this.#credentials?.demandsCertificate === true && peer.identity === undefined) {
      const details = 'no valid client certificate: connect with one that a CA of the bridge’s `tls.clientCaFile` has signed';
      return { code: status.UNAUTHENTICATED, details };
    }
    const header = call.metadata.get('authorization')[0]?.toString();
    if (this.#tokens !== undefined && !(await this.#tokens.allows(header))) {
      const details =
        'no valid token: send the metadata `authorization: Bearer <token>` with a token from the bridge’s tokens file';
      return { code: status.UNAUTHENTICATED, details };
    }
    if (this.#state === 'closing') return { code: status.UNAVAILABLE, details: 'the bridge is closing; reconnect' };
    const full = this.#admission.enter(peer);
    return full === undefined ? undefined : { code: status.RESOURCE_EXHAUSTED, details: full };
  }

  #stream(call: Call, method: StreamMethod, peer: Peer, gone: () => void): XdsStream {
    return new XdsStream({
      profile: this.#profile,
      transport: method.transport,
      onlyType: method.onlyType,
      provider: this.#options.provider,
      budget: this.#budget,
      retirements: this.#retirements,
      familyOf: (node: NodeInfo) => this.#families.of(method, peer, node),
      returns: (node: NodeInfo) => this.#admission.mayReturn(peer, node),
      id: (this.#opened += 1).toString(36),
      maxNames: this.#limits.names,
      clock: this.#clock,
      timers: this.#timers,
      onEvent: (event) => this.#tell(event),
      channel: {
        peer,
        send: (message, done) => void call.write(message, done),
        end: (code, details) => {
          gone();
          call.emit('error', { code, details });
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
