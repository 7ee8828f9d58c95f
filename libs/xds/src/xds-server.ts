import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { IsthmusError, messageOf, systemClock } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { BearerTokens } from './bearer-tokens.ts';
import type { ClientConfig, ClientStatus } from './client-status.ts';
import { serverCredentials } from './listen-options.ts';
import type { RenewableCredentials, TlsOptions } from './listen-options.ts';
import type { ResourceProvider } from './resource-provider.ts';
import { SendBudget } from './send-budget.ts';
import { ADS_METHODS, MCP_METHODS, serviceDefinition } from './services.ts';
import type { StreamMethod } from './services.ts';
import { ADS, MCP } from './stream-profile.ts';
import type { StreamProfile } from './stream-profile.ts';
import { systemTimers } from './timers.ts';
import type { Timers } from './timers.ts';
import type { XdsEvent } from './xds-event.ts';
import { XdsStream } from './xds-stream.ts';

export interface XdsServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly provider: ResourceProvider;
  /**
   * Nothing is answered before it resolves: a client that is told half of what there is drops the other half. Streams
   * are accepted meanwhile. Default: at once.
   */
  readonly ready?: Promise<void>;
  readonly tls?: TlsOptions;
  /** One token a line; clients send `authorization: Bearer <token>`. */
  readonly auth?: { readonly tokensFile: string };
  readonly limits?: Partial<XdsLimits>;
  /** For logs and metrics. Must not throw. */
  readonly onEvent?: (event: XdsEvent) => void;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

export interface XdsLimits {
  /** Streams at a time; more are refused with RESOURCE_EXHAUSTED. Default 10,000. */
  readonly streams: number;
  /** Bytes of one request. Default 16 MiB: a reconnecting delta client lists all it has. */
  readonly requestBytes: number;
  /** Names in one subscription. Default 100,000. */
  readonly names: number;
}

const LIMITS: XdsLimits = { streams: 10_000, requestBytes: 16 * 1024 * 1024, names: 100_000 };

/** ms that open streams get to end when the server closes. */
const DRAIN = 1_000;

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
  readonly #server: Server;
  readonly #streams = new Set<XdsStream>();
  readonly #budget = new SendBudget();
  #tokens: BearerTokens | undefined;
  #credentials: RenewableCredentials | undefined;
  #state: 'waiting' | 'open' | 'closing' = 'waiting';
  #opened = 0;
  #port: number | undefined;

  constructor(profile: StreamProfile, methods: readonly StreamMethod[], options: XdsServerOptions) {
    this.#profile = profile;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#server = new Server({
      'grpc.max_receive_message_length': this.#limits.requestBytes,
      'grpc.max_send_message_length': -1,
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

  /** Ends every stream with UNAVAILABLE, so that clients keep what they have and come back. Takes at most 1 s. */
  async close(): Promise<void> {
    this.#state = 'closing';
    for (const stream of this.#streams) stream.end(status.UNAVAILABLE, 'the bridge is closing; keep what you have and reconnect');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, DRAIN);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** One entry per stream that has said who it is, in the order in which they came. */
  clients(): ClientStatus[] {
    return [...this.#streams].flatMap((stream) => stream.status() ?? []);
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
    const refusal = await this.#refusal(call);
    if (refusal !== undefined) {
      this.#options.onEvent?.({ kind: 'refused', address: call.getPeer(), reason: refusal.details });
      call.emit('error', refusal);
      return;
    }
    if (call.cancelled) return;
    const stream = this.#stream(call, method);
    this.#streams.add(stream);
    const gone = (): void => {
      this.#streams.delete(stream);
      stream.close();
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('end', () => {
      gone();
      call.end();
    });
    call.on('data', (bytes: Buffer) => {
      try {
        stream.receive(bytes);
      } catch (error) {
        // A provider that stumbles over a node's metadata costs that node its stream, not the bridge its life.
        stream.end(status.INTERNAL, `the bridge failed on this request: ${messageOf(error)}`);
      }
    });
    if (this.#state === 'open') stream.open();
  }

  async #refusal(call: Call): Promise<{ code: status; details: string } | undefined> {
    const header = call.metadata.get('authorization')[0]?.toString();
    if (this.#tokens !== undefined && !(await this.#tokens.allows(header))) {
      const details =
        'no valid token: send the metadata `authorization: Bearer <token>` with a token from the bridge’s tokens file';
      return { code: status.UNAUTHENTICATED, details };
    }
    if (this.#state === 'closing') return { code: status.UNAVAILABLE, details: 'the bridge is closing; reconnect' };
    if (this.#streams.size < this.#limits.streams) return undefined;
    return { code: status.RESOURCE_EXHAUSTED, details: `${this.#limits.streams} streams are open; connect to another replica` };
  }

  #stream(call: Call, method: StreamMethod): XdsStream {
    const { provider, clock, timers, onEvent } = this.#options;
    const stream = new XdsStream({
      profile: this.#profile,
      transport: method.transport,
      onlyType: method.onlyType,
      provider,
      budget: this.#budget,
      id: (this.#opened += 1).toString(36),
      maxNames: this.#limits.names,
      clock: clock ?? systemClock,
      timers: timers ?? systemTimers,
      onEvent: onEvent ?? (() => undefined),
      channel: {
        address: call.getPeer(),
        send: (message, done) => void call.write(message, done),
        end: (code, details) => {
          this.#streams.delete(stream);
          call.emit('error', { code, details });
        },
      },
    });
    return stream;
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
