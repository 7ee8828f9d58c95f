import { Client, credentials, Metadata, status as Status } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { IsthmusError, messageOf } from '@isthmus/model';
import { Acknowledgements } from './acknowledgements.ts';
import { lost, refusal, REFUSED, saidBy } from './errors.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';
import type { LargeJson } from './large-json.ts';
import { decodePayload, encodePayload } from './payload.ts';
import type { Payload } from './payload.ts';
import { takeInTurns } from './take-in-turns.ts';
import type { NacosTiming } from './timing.ts';

export interface ConnectionOptions {
  /** host:port */
  readonly address: string;
  readonly credentials?: ChannelCredentials;
  /** Name to expect in the server's certificate, where it is not the host dialled. */
  readonly serverName?: string | undefined;
  /** Sent with every request where it is defined; read each time, tokens are renewed. */
  readonly token: () => string | undefined;
  /** Namespace, as the handshake's `tenant`. */
  readonly namespace: string;
  readonly timing: Pick<NacosTiming, 'healthCheckEvery' | 'requestDeadline' | 'mostMessageBytes'>;
  /** A request of the server other than the protocol's own; it is acknowledged for the owner. */
  readonly onPush: (type: string, body: Json) => void;
  /** A push that cannot be read; Nacos will send it again, because it cannot be acknowledged. */
  readonly onUnreadable?: (error: IsthmusError) => void;
  /** Parses what is large; without it everything is parsed in this thread. */
  readonly large?: LargeJson;
  /** `performance.now()` of the last byte of a push. */
  readonly onMessage?: ((atMs: number) => void) | undefined;
  /** It answered a health check. */
  readonly onHealthy?: (() => void) | undefined;
}

/** Why a connection ended. `reset`: Nacos asked us to move, to that server if it names one; the old connection works until closed. */
export type ConnectionEnd =
  | { readonly kind: 'lost'; readonly cause: IsthmusError }
  | { readonly kind: 'reset'; readonly ip: string | undefined; readonly httpPort: number | undefined };

/**
 * One registered gRPC connection. The TCP transport is the identity: grpc-js would silently reconnect with a new,
 * unregistered one, so the end of the stream, an error or code 301 ends this object, and the owner makes a new one and redoes all.
 */
export class NacosConnection {
  /** Resolves once, never rejects. */
  readonly ended: Promise<ConnectionEnd>;
  readonly #options: ConnectionOptions;
  readonly #client: Client;
  readonly #end: (end: ConnectionEnd) => void;
  #stream: ClientDuplexStream<Payload, Uint8Array> | undefined;
  #health: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #acknowledgements = new Acknowledgements((type, requestId) => {
    const name = `${type.slice(0, -'Request'.length)}Response`;
    this.#stream?.write(payload(name, { requestId, resultCode: 200, errorCode: 0, success: true }));
  });
  #acknowledged: ((abilities: Json) => void) | undefined;
  #abilities: Json = {};

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    const most = options.timing.mostMessageBytes;
    this.#client = new Client(options.address, options.credentials ?? credentials.createInsecure(), {
      // Clients of one address would otherwise share a transport, and so a connection id and its state.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': most,
      'grpc.max_send_message_length': most,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
      ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
    });
    let end: (end: ConnectionEnd) => void = () => undefined;
    this.ended = new Promise((resolve) => (end = resolve));
    this.#end = end;
  }

  /**
   * ServerCheck, stream, ConnectionSetup, SetupAck; then a HealthCheck every 5 s.
   *
   * @throws IsthmusError `registry.unreachable`, `registry.timeout` or `registry.protocol`; nothing is left open then.
   */
  static async open(options: ConnectionOptions, signal: AbortSignal): Promise<NacosConnection> {
    const connection = new NacosConnection(options);
    const abort = () => connection.close();
    signal.addEventListener('abort', abort, { once: true });
    void connection.ended.then(() => signal.removeEventListener('abort', abort));
    try {
      if (signal.aborted) throw new IsthmusError('registry.unreachable', 'the connection was not wanted any more');
      await connection.#handshake();
      return connection;
    } catch (thrown) {
      connection.close();
      throw thrown;
    }
  }

  /** Nacos 3 says so in its SetupAck. */
  get hasFuzzyWatch(): boolean {
    return this.#abilities['fuzzyWatch'] === true;
  }

  /**
   * @throws NacosRefusal when Nacos says no; IsthmusError `registry.timeout`, `registry.too-large`, `registry.protocol`
   * (an answer that cannot be read) or `registry.unreachable` (the connection has ended).
   */
  async request(type: string, body: Json, deadlineMs = this.#options.timing.requestDeadline): Promise<Json> {
    const answer = await this.#unary(type, body, deadlineMs);
    const { large, namespace } = this.#options;
    const json = large?.takes(answer.body) ? await large.read(answer.body, type, namespace) : readJsonObject(answer.body, type);
    if (json['resultCode'] === 200 && answer.type !== 'ErrorResponse') return json;
    const refused = refusal(type, Number(json['errorCode'] ?? json['resultCode'] ?? 0), String(json['message'] ?? ''));
    if (refused.nacosCode === REFUSED.unregistered || refused.nacosCode === REFUSED.notNaming) this.#lose(refused);
    throw refused;
  }

  /** Only closing the channel unregisters: a cancelled stream would leave the connection and its instances at the server. */
  close(): void {
    this.#lose(new IsthmusError('registry.unreachable', 'the connection was closed by us'));
  }

  /** Acknowledged already; the owner makes the new connection first and closes this one then. */
  #reset(body: Json): void {
    const ip = body['serverIp'];
    const httpPort = Number(body['serverPort']);
    this.#end({
      kind: 'reset',
      ip: typeof ip === 'string' && ip !== '' ? ip : undefined,
      httpPort: Number.isInteger(httpPort) && httpPort > 0 ? httpPort : undefined,
    });
  }

  #lose(cause: IsthmusError): void {
    this.#end({ kind: 'lost', cause });
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#health);
    this.#acknowledgements.close();
    this.#stream?.cancel();
    this.#client.close();
  }

  async #handshake(): Promise<void> {
    const { timing, namespace } = this.#options;
    const check = await this.request('ServerCheckRequest', {});
    const acknowledged = new Promise<Json>((resolve) => (this.#acknowledged = resolve));
    this.#stream = this.#openStream();
    this.#stream.write(
      payload('ConnectionSetupRequest', {
        clientVersion: 'Isthmus-TS:v0.1.0',
        tenant: namespace,
        labels: { source: 'sdk', module: 'naming', AppName: 'isthmus' },
        abilityTable: { fuzzyWatch: true },
      }),
    );
    if (check['supportAbilityNegotiation'] === true) {
      this.#abilities = await this.#within(acknowledged, timing.requestDeadline, 'SetupAckRequest');
    } else {
      await this.#untilRegistered(timing.requestDeadline);
    }
    this.#health = setInterval(() => void this.#checkHealth(), timing.healthCheckEvery);
    this.#health.unref();
  }

  /** Nacos 2.0 to 2.2 do not acknowledge a setup: ask until the connection is known. */
  async #untilRegistered(deadlineMs: number): Promise<void> {
    for (let waited = 0; ; waited += 50) {
      const answer = await this.#unary('HealthCheckRequest', {}, deadlineMs);
      if (answer.type !== 'ErrorResponse') return;
      if (waited >= deadlineMs) throw timedOut('ConnectionSetupRequest', deadlineMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(timedOut(what, ms)), ms)));
    const over = this.ended.then((end) => {
      throw end.kind === 'lost' ? end.cause : timedOut(what, ms);
    });
    try {
      return await Promise.race([promise, late, over]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #checkHealth(): Promise<void> {
    try {
      await this.request('HealthCheckRequest', {});
      this.#options.onHealthy?.();
    } catch (thrown) {
      this.#lose(lost(`the health check failed: ${messageOf(thrown)}`));
    }
  }

  #unary(type: string, body: Json, deadlineMs: number): Promise<Payload> {
    if (this.#closed) return Promise.reject(lost('the connection has ended'));
    const token = this.#options.token();
    const message = payload(type, body, token === undefined ? {} : { accessToken: token });
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Payload, Uint8Array>(
        '/Request/request',
        encodePayload,
        (bytes) => bytes,
        message,
        new Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error, bytes) => {
          if (error !== null) return reject(this.#failed(type, error, deadlineMs));
          try {
            resolve(decodePayload(bytes ?? new Uint8Array()));
          } catch (thrown) {
            reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        },
      );
    });
  }

  #failed(type: string, error: ServiceError, deadlineMs: number): IsthmusError {
    switch (error.code) {
      case Status.DEADLINE_EXCEEDED:
        return timedOut(type, deadlineMs);
      case Status.RESOURCE_EXHAUSTED:
        return new IsthmusError('registry.too-large', `the answer to ${type} is too large: ${saidBy(error)}`, {
          meaning: 'it was refused while it was being read',
          remedy: 'split the service, or remove large metadata',
          cause: error,
        });
      default: {
        const cause = lost(`${type} failed: ${saidBy(error)}`, error);
        this.#lose(cause); // whatever else it is, the transport is not the registered one any more
        return cause;
      }
    }
  }

  #openStream(): ClientDuplexStream<Payload, Uint8Array> {
    const stream = this.#client.makeBidiStreamRequest<Payload, Uint8Array>(
      '/BiRequestStream/requestBiStream',
      encodePayload,
      (bytes) => bytes,
      new Metadata(),
      {},
    );
    takeInTurns<Uint8Array>(stream, (bytes) => this.#received(bytes));
    stream.on('error', (error: ServiceError) => {
      const large = error.code === Status.RESOURCE_EXHAUSTED;
      this.#lose(lost(large ? `a push was too large: ${saidBy(error)}` : `the stream ended: ${saidBy(error)}`, error));
    });
    stream.on('end', () => this.#lose(lost('Nacos ended the stream')));
    return stream;
  }

  #received(bytes: Uint8Array): void {
    this.#options.onMessage?.(performance.now());
    const { large, namespace, onUnreadable } = this.#options;
    try {
      const { type, body } = decodePayload(bytes);
      if (large?.takes(body) !== true) return this.#handle(type, readJsonObject(body, type));
      large.read(body, type, namespace).then((json) => this.#handle(type, json), unreadable);
    } catch (thrown) {
      unreadable(thrown);
    }
    function unreadable(thrown: unknown): void {
      if (IsthmusError.is(thrown)) onUnreadable?.(thrown);
    }
  }

  #handle(type: string, body: Json): void {
    if (type === 'SetupAckRequest') {
      const abilities = body['abilityTable'];
      this.#acknowledged?.(typeof abilities === 'object' && abilities !== null ? (abilities as Json) : {});
      return; // it must not be answered
    }
    if (this.#closed) return;
    const requestId = String(body['requestId'] ?? '');
    if (type === 'ConnectResetRequest') {
      this.#acknowledgements.addLast(type, requestId);
      return this.#reset(body);
    }
    if (type.endsWith('Request')) this.#acknowledgements.add(type, requestId);
    if (type !== 'ClientDetectionRequest') this.#options.onPush(type, body);
  }
}

function payload(type: string, body: Json, headers: Readonly<Record<string, string>> = {}): Payload {
  return { type, headers, body: Buffer.from(JSON.stringify(body)) };
}

function timedOut(what: string, ms: number): IsthmusError {
  return new IsthmusError('registry.timeout', `${what} was not answered within ${ms} ms`, {
    remedy: 'check whether Nacos hangs or the network drops packets',
  });
}
