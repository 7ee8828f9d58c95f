import type http from 'node:http';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, UntypedHandleCall } from '@grpc/grpc-js';
import { md5 } from '../config-listen.ts';
import { decodePayload, encodePayload } from '../payload.ts';
import type { Payload } from '../payload.ts';
import { startFakeHttp } from './fake-http.ts';
import type { FakeHttpAnswer } from './fake-http.ts';
import { FakeStore } from './fake-store.ts';
import type { FakeInstance, FakeServiceName } from './fake-store.ts';
import { freePair } from './free-pair.ts';
import { isWatched, keyOf, missedServices } from './fuzzy-pattern.ts';

type Json = Record<string, unknown>;

export interface FakeNacosOptions {
  /** 3 has fuzzy watch. Default 2. */
  readonly generation?: 2 | 3;
  readonly auth?: { readonly username: string; readonly password: string };
  /** Does the HTTP API list services of all groups? Default true. */
  readonly catalog?: boolean;
  /** Serve HTTP only, as Nacos 1. */
  readonly httpOnly?: boolean;
  /** Milliseconds between a change and its push; the real one takes 500. Default 2. */
  readonly pushDelay?: number;
}

interface FakeConnection {
  readonly peer: string;
  readonly stream: ServerDuplexStream<Payload, Payload>;
  readonly subscribed: Set<string>;
  readonly watched: Set<string>;
}

/**
 * Nacos as seen on the wire, in this process: every answer follows the recorded payloads. The transport's peer address is
 * the connection's identity, as in the real one. The contract suite, which the real servers pass too, makes it worth believing.
 */
export class FakeNacos {
  readonly store: FakeStore;
  /** By `tenant/group/dataId`. */
  readonly configs = new Map<string, string>();
  /** Types of all requests that came, in order; unary and stream. */
  readonly requests: string[] = [];
  /** Raw bytes of the JSON to answer instead, when it gives something. */
  intercept: (type: string, body: Json) => Buffer | undefined = () => undefined;
  interceptHttp: (path: string, query: URLSearchParams) => FakeHttpAnswer | undefined = () => undefined;
  /** ServerCheck answers 300, as during a start. */
  starting = false;
  #hung = false;
  #token = 'token-1';
  readonly #options: FakeNacosOptions;
  readonly #connections = new Map<string, FakeConnection>();
  readonly #pushes = new Map<string, NodeJS.Timeout>();
  #grpc: Server | undefined;
  #http: http.Server | undefined;
  #port = 0;
  #requestId = 0;

  private constructor(options: FakeNacosOptions) {
    this.#options = options;
    this.store = new FakeStore(options.generation ?? 2);
  }

  static async start(options: FakeNacosOptions = {}): Promise<FakeNacos> {
    const fake = new FakeNacos(options);
    fake.#port = await freePair();
    await fake.up();
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get grpcAddress(): string {
    return `127.0.0.1:${this.#port + 1_000}`;
  }

  get httpPort(): number {
    return this.#port;
  }

  /** Registered gRPC connections and HTTP sockets. */
  async connections(): Promise<number> {
    const http = this.#http;
    const sockets =
      http === undefined ? 0 : await new Promise<number>((resolve) => http.getConnections((_, count) => resolve(count)));
    return this.#connections.size + sockets;
  }

  hang(): void {
    this.#hung = true;
  }

  resume(): void {
    this.#hung = false;
  }

  /** Old tokens are refused from now on. */
  revokeTokens(): void {
    this.#token = `token-${Number(this.#token.slice(6)) + 1}`;
  }

  async up(): Promise<void> {
    const { auth, catalog = true, generation = 2, httpOnly = false } = this.#options;
    this.#http = await startFakeHttp(
      {
        store: this.store,
        version: httpOnly ? '1.4.7' : generation === 2 ? '2.3.2' : '3.1.0',
        auth,
        token: () => this.#token,
        catalog,
        isHung: () => this.#hung,
        intercept: (path, query) => this.interceptHttp(path, query),
      },
      this.#port,
    );
    if (!httpOnly) await this.serveGrpc();
  }

  /** Opens the gRPC port; for a fake that was started with HTTP only. */
  async serveGrpc(): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
    const types = {
      requestSerialize: encodePayload,
      requestDeserialize: decodePayload,
      responseSerialize: encodePayload,
      responseDeserialize: decodePayload,
    };
    server.addService(
      {
        request: { path: '/Request/request', requestStream: false, responseStream: false, ...types },
        requestBiStream: { path: '/BiRequestStream/requestBiStream', requestStream: true, responseStream: true, ...types },
      },
      {
        request: ((call: ServerUnaryCall<Payload, Payload>, answer: sendUnaryData<Payload>) =>
          this.#unary(call, answer)) as UntypedHandleCall,
        requestBiStream: ((stream: ServerDuplexStream<Payload, Payload>) => this.#stream(stream)) as UntypedHandleCall,
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(this.grpcAddress, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
    this.#grpc = server;
  }

  /** Connections are cut and new ones refused. */
  async down(): Promise<void> {
    for (const timer of this.#pushes.values()) clearTimeout(timer);
    this.#pushes.clear();
    this.#grpc?.forceShutdown();
    this.#grpc = undefined;
    this.#connections.clear();
    const http = this.#http;
    this.#http = undefined;
    http?.closeAllConnections();
    await new Promise<void>((resolve) => (http === undefined ? resolve() : http.close(() => resolve())));
  }

  set(service: FakeServiceName, instances: readonly FakeInstance[]): void {
    const before = this.store.get(service).length;
    this.store.set(service, instances);
    this.#schedule(service);
    if (before === 0 && instances.length > 0) this.#notifyWatchers(service, 'ADD_SERVICE');
    if (before > 0 && instances.length === 0) this.#notifyWatchers(service, 'DELETE_SERVICE');
  }

  /** Sends a request to every connection, whatever the body. */
  push(type: string, body: Json | Buffer): void {
    if (this.#hung) return;
    const bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(JSON.stringify({ requestId: String((this.#requestId += 1)), ...body }));
    for (const { stream } of this.#connections.values()) stream.write({ type, headers: {}, body: bytes });
  }

  #schedule(service: FakeServiceName): void {
    const id = `${service.namespace}@@${service.group}@@${service.name}`;
    if (this.#pushes.has(id)) return; // changes in the meantime merge, as in the real one
    const timer = setTimeout(() => {
      this.#pushes.delete(id);
      if (this.#hung) return this.#schedule(service);
      for (const connection of this.#connections.values()) {
        if (connection.subscribed.has(id))
          this.#send(connection, 'NotifySubscriberRequest', { serviceInfo: this.store.info(service), module: 'naming' });
      }
    }, this.#options.pushDelay ?? 2);
    this.#pushes.set(id, timer);
  }

  #send(connection: FakeConnection, type: string, body: Json): void {
    const json = JSON.stringify({ headers: {}, requestId: String((this.#requestId += 1)), ...body });
    connection.stream.write({ type, headers: {}, body: Buffer.from(json) });
  }

  #stream(stream: ServerDuplexStream<Payload, Payload>): void {
    const peer = stream.getPeer();
    stream.on('data', (message: Payload) => {
      if (this.#hung) return;
      this.requests.push(message.type);
      if (message.type !== 'ConnectionSetupRequest') return;
      const connection = { peer, stream, subscribed: new Set<string>(), watched: new Set<string>() };
      this.#connections.set(peer, connection);
      const three = this.#options.generation === 3 ? { agent: true, fuzzyWatch: true, lock: true, mcp: true } : {};
      this.#send(connection, 'SetupAckRequest', {
        abilityTable: { supportPersistentInstanceByGrpc: true, ...three },
        module: 'internal',
      });
    });
    const gone = () => this.#connections.delete(peer);
    stream.on('end', () => stream.end());
    stream.on('close', gone);
    stream.on('cancelled', gone);
    stream.on('error', gone);
  }

  #unary(call: ServerUnaryCall<Payload, Payload>, answer: sendUnaryData<Payload>): void {
    const { type, body: bytes, headers } = call.request;
    if (this.#hung) return;
    this.requests.push(type);
    const body = JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
    const raw = this.intercept(type, body);
    const reply = (name: string, json: Json) =>
      answer(null, { type: name, headers: {}, body: raw ?? Buffer.from(JSON.stringify(json)) });
    const refuse = (errorCode: number, message: string, name = 'ErrorResponse') =>
      reply(name, { resultCode: errorCode < 0 ? errorCode : 500, errorCode, message, success: false });
    const ok = (json: Json = {}) =>
      reply(type.replace(/Request$/, 'Response'), { resultCode: 200, errorCode: 0, success: true, ...json });

    if (type === 'ServerCheckRequest') {
      if (this.starting) return refuse(300, 'Server is starting,please try later.');
      return ok({ connectionId: `fake_${call.getPeer()}`, supportAbilityNegotiation: true });
    }
    const connection = this.#connections.get(call.getPeer());
    if (connection === undefined) return refuse(301, 'Connection is unregistered.');
    if (type === 'HealthCheckRequest') return ok();
    if (this.#options.auth !== undefined && headers['accessToken'] !== this.#token) return refuse(403, 'user not found!');
    const service = { namespace: String(body['namespace']), group: String(body['groupName']), name: String(body['serviceName']) };
    const id = `${service.namespace}@@${service.group}@@${service.name}`;
    switch (type) {
      case 'ServiceListRequest': {
        const names = this.store.services(service.namespace, service.group).map(({ name }) => name);
        const size = Number(body['pageSize']);
        const from = (Number(body['pageNo']) - 1) * size;
        return ok({ count: names.length, serviceNames: names.slice(from, from + size) });
      }
      case 'SubscribeServiceRequest':
        if (body['subscribe'] === true) connection.subscribed.add(id);
        else connection.subscribed.delete(id);
        return ok({ message: 'success', serviceInfo: this.store.info(service) });
      case 'ServiceQueryRequest':
        return reply('QueryServiceResponse', {
          resultCode: 200,
          errorCode: 0,
          serviceInfo: this.store.info(service, { healthyOnly: body['healthyOnly'] === true }),
          success: true,
        });
      case 'ConfigQueryRequest': {
        const content = this.configs.get([body['tenant'], body['group'], body['dataId']].join('/'));
        return content === undefined ? refuse(300, 'config data not exist', 'ConfigQueryResponse') : ok({ content });
      }
      case 'ConfigBatchListenRequest': {
        const known = body['configListenContexts'] as { dataId: string; group: string; tenant: string; md5: string }[];
        const keys = known.map(({ dataId, group, tenant }) => ({ dataId, group, tenant }));
        const texts = keys.map(({ tenant, group, dataId }) => this.configs.get([tenant, group, dataId].join('/')));
        return ok({ changedConfigs: keys.filter((_, at) => (texts[at] === undefined ? '' : md5(texts[at])) !== known[at]?.md5) });
      }
      case 'BatchInstanceRequest':
        ok({ type: 'batchRegisterInstance' });
        return this.set(service, body['instances'] as FakeInstance[]);
      case 'NamingFuzzyWatchRequest':
        if (this.#options.generation !== 3) return refuse(302, 'RequestHandler Not Found');
        ok();
        return this.#fuzzyWatch(connection, String(body['groupKeyPattern']), body);
      default:
        return refuse(302, 'RequestHandler Not Found');
    }
  }

  #fuzzyWatch(connection: FakeConnection, pattern: string, body: Json): void {
    connection.watched.add(pattern);
    const contexts = missedServices(this.store, pattern, new Set(body['receivedGroupKeys'] as string[]));
    const syncType = body['initializing'] === true ? 'FUZZY_WATCH_INIT_NOTIFY' : 'FUZZY_WATCH_DIFF_SYNC_NOTIFY';
    this.#send(connection, 'NamingFuzzyWatchSyncRequest', {
      syncType,
      groupKeyPattern: pattern,
      contexts,
      totalBatch: 1,
      currentBatch: 1,
    });
  }

  #notifyWatchers(service: FakeServiceName, changedType: string): void {
    if (this.#hung) return;
    for (const connection of this.#connections.values()) {
      if ([...connection.watched].some((pattern) => isWatched(pattern, service)))
        this.#send(connection, 'NamingFuzzyWatchChangeNotifyRequest', {
          syncType: 'FUZZY_WATCH_RESOURCE_CHANGED',
          serviceKey: keyOf(service),
          changedType,
        });
    }
  }
}
