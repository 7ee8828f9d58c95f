import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Resource, TypeUrl } from '@isthmus/model';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '@isthmus/proto/discovery';
import type { DeltaDiscoveryRequest, DiscoveryRequest } from '@isthmus/proto/discovery';

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const BODY = 'type.googleapis.com/istio.mcp.v1alpha1.Resource';

export interface FakeMcpOptions {
  /** Without it there is state of the world only, as istiod's own generator has it. Default true. */
  readonly delta?: boolean;
  /** Types that are answered; others never are. Default: all that are asked for. */
  readonly types?: readonly TypeUrl[];
  readonly token?: string;
  /** Resources in one delta response. Default: all. */
  readonly chunk?: number;
  readonly credentials?: ServerCredentials;
}

type Call = ServerDuplexStream<Buffer, Buffer>;
type Request = DiscoveryRequest | DeltaDiscoveryRequest;

/** A scripted server of MCP over xDS: sends what it is told to and keeps what clients answer. */
export class FakeMcp {
  readonly requests: Request[] = [];
  readonly #options: FakeMcpOptions;
  readonly #server = new Server();
  readonly #resources = new Map<TypeUrl, Map<string, Resource>>();
  readonly #streams = new Set<(type: TypeUrl, changed: readonly string[]) => void>();
  #nonce = 0;
  port = 0;
  /** Set another one to revoke it. */
  token: string | undefined;

  constructor(options: FakeMcpOptions = {}) {
    this.#options = options;
    this.token = options.token;
    const asIs = (bytes: Buffer): Buffer => bytes;
    const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
    const method = (name: string) => ({ path: `${SERVICE}/${name}`, requestStream: true, responseStream: true, ...codec });
    this.#server.addService(
      {
        ...(options.delta === false ? {} : { Delta: method('DeltaAggregatedResources') }),
        Stream: method('StreamAggregatedResources'),
      },
      { Delta: (call: Call) => this.#serve(call, 'delta'), Stream: (call: Call) => this.#serve(call, 'sotw') },
    );
  }

  async listen(): Promise<void> {
    this.port = await new Promise<number>((resolve, reject) =>
      this.#server.bindAsync('127.0.0.1:0', this.#options.credentials ?? ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  }

  close(): void {
    this.#server.forceShutdown();
  }

  /** NACKs that came. */
  get nacks(): readonly Request[] {
    return this.requests.filter((request) => request.errorDetail !== undefined);
  }

  put(type: TypeUrl, ...resources: readonly Resource[]): void {
    for (const resource of resources) this.#of(type).set(resource.name, resource);
    const names = resources.map(({ name }) => name);
    for (const stream of this.#streams) stream(type, names);
  }

  remove(type: TypeUrl, name: string): void {
    if (this.#of(type).delete(name)) for (const stream of this.#streams) stream(type, [name]);
  }

  clear(): void {
    this.#resources.clear();
  }

  #of(type: TypeUrl): Map<string, Resource> {
    let resources = this.#resources.get(type);
    if (resources === undefined) this.#resources.set(type, (resources = new Map()));
    return resources;
  }

  #serve(call: Call, transport: 'delta' | 'sotw'): void {
    const { token } = this;
    const { types } = this.#options;
    if (token !== undefined && call.metadata.get('authorization')[0] !== `Bearer ${token}`) {
      call.emit('error', { code: status.UNAUTHENTICATED, details: 'no valid token' });
      return;
    }
    const asked = new Set<TypeUrl>();
    const push = (type: TypeUrl, changed: readonly string[]): void => {
      if (asked.has(type)) for (const message of this.#messages(transport, type, changed)) call.write(message);
    };
    this.#streams.add(push);
    const gone = (): void => void this.#streams.delete(push);
    call.on('error', gone).on('cancelled', gone).on('close', gone);
    call.on('end', () => call.end());
    call.on('data', (bytes: Buffer) => {
      const request =
        transport === 'delta' ? fromBinary(DeltaDiscoveryRequestSchema, bytes) : fromBinary(DiscoveryRequestSchema, bytes);
      this.requests.push(request);
      const type = request.typeUrl as TypeUrl;
      if (asked.has(type) || types?.includes(type) === false) return;
      asked.add(type);
      const known = 'initialResourceVersions' in request ? request.initialResourceVersions : {};
      const names = [...this.#of(type).values()].filter(({ name, version }) => known[name] !== version).map(({ name }) => name);
      push(type, [...names, ...Object.keys(known).filter((name) => !this.#of(type).has(name))]);
    });
  }

  *#messages(transport: 'delta' | 'sotw', type: TypeUrl, changed: readonly string[]): Generator<Buffer> {
    const all = this.#of(type);
    if (transport === 'sotw') {
      const resources = [...all.values()].map(({ bytes }) => ({ typeUrl: BODY, value: bytes }));
      const nonce = `${(this.#nonce += 1)}`;
      const message = create(DiscoveryResponseSchema, { typeUrl: type, nonce, versionInfo: nonce, resources });
      yield Buffer.from(toBinary(DiscoveryResponseSchema, message));
      return;
    }
    const chunk = this.#options.chunk ?? Infinity;
    for (let at = 0; at === 0 || at < changed.length; at += chunk) {
      const names = changed.slice(at, at + chunk);
      const resources = names.flatMap((name) => {
        const known = all.get(name);
        return known === undefined ? [] : [{ name, version: known.version, resource: { typeUrl: BODY, value: known.bytes } }];
      });
      const removedResources = names.filter((name) => !all.has(name));
      const nonce = `${(this.#nonce += 1)}`;
      const message = create(DeltaDiscoveryResponseSchema, { typeUrl: type, nonce, resources, removedResources });
      yield Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message));
    }
  }
}
