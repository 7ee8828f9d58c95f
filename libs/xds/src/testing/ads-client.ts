import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Client, Metadata, credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '@isthmus/proto/discovery';
import type { DeltaDiscoveryResponse, DiscoveryResponse } from '@isthmus/proto/discovery';

export interface AdsClientOptions {
  readonly port: number;
  readonly token?: string;
  readonly credentials?: ChannelCredentials;
  /** Default: the aggregated service. */
  readonly path?: string;
  readonly options?: Record<string, unknown>;
}

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

export type SotwClient = XdsTestClient<MessageInitShape<typeof DiscoveryRequestSchema>, DiscoveryResponse>;
export type DeltaClient = XdsTestClient<MessageInitShape<typeof DeltaDiscoveryRequestSchema>, DeltaDiscoveryResponse>;

/** A scripted client: says what the test says, collects what comes. It never ACKs by itself. */
export function sotwClient(options: AdsClientOptions): SotwClient {
  return new XdsTestClient(
    { path: `${SERVICE}/StreamAggregatedResources`, ...options },
    (request) => Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, request))),
    (bytes) => fromBinary(DiscoveryResponseSchema, bytes),
  );
}

export function deltaClient(options: AdsClientOptions): DeltaClient {
  return new XdsTestClient(
    { path: `${SERVICE}/DeltaAggregatedResources`, ...options },
    (request) => Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, request))),
    (bytes) => fromBinary(DeltaDiscoveryResponseSchema, bytes),
  );
}

export class XdsTestClient<Request, Response> {
  readonly received: Response[] = [];
  /** Settles when the stream ends, with its status. */
  readonly ended: Promise<StatusObject>;
  readonly #encode: (request: Request) => Buffer;
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<Buffer, Buffer>;
  #taken = 0;
  #wake: () => void = () => undefined;

  constructor(
    options: AdsClientOptions & { path: string },
    encode: (request: Request) => Buffer,
    decode: (bytes: Buffer) => Response,
  ) {
    this.#encode = encode;
    this.#client = new Client(`127.0.0.1:${options.port}`, options.credentials ?? credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      ...options.options,
    });
    const metadata = new Metadata();
    if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
    const asIs = (bytes: Buffer): Buffer => bytes;
    this.#stream = this.#client.makeBidiStreamRequest(options.path, asIs, asIs, metadata);
    this.#stream.on('data', (bytes: Buffer) => {
      this.received.push(decode(bytes));
      this.#wake();
    });
    this.#stream.on('error', () => undefined); // `ended` tells it
    this.ended = new Promise((resolve) => this.#stream.on('status', resolve));
  }

  send(request: Request): void {
    this.sendBytes(this.#encode(request));
  }

  /** What no client should send. */
  sendBytes(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  /**
   * The next response that was not taken yet.
   * @throws Error when none comes within `deadline` ms or the stream ends
   */
  async next(deadline = 5_000): Promise<Response> {
    const until = Date.now() + deadline;
    while (this.received.length <= this.#taken) {
      const left = until - Date.now();
      if (left <= 0) throw new Error(`no response within ${deadline} ms`);
      let timer: NodeJS.Timeout | undefined;
      const woken = new Promise<undefined>((resolve) => {
        this.#wake = () => resolve(undefined);
        timer = setTimeout(this.#wake, left);
      });
      const end = await Promise.race([woken, this.ended]);
      clearTimeout(timer);
      if (end !== undefined && this.received.length <= this.#taken) {
        throw new Error(`the stream ended: ${end.code} ${end.details}`);
      }
    }
    return this.received[this.#taken++]!;
  }

  /** Stops or goes on reading from the socket. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }
}
