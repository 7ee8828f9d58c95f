import { create, toBinary } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { TypeUrl } from '@isthmus/model';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '@isthmus/proto/discovery';
import { readAnswer } from './answer.ts';
import type { Answer, Transport } from './answer.ts';
import type { Connection } from './connect.ts';

/**
 * Delta: a client that says which versions it has may be sent nothing at all, and could not tell "all as before" from "not
 * answered yet". A name that nobody has is always answered, as removed.
 */
const MARKER = 'isthmus.dev/marker';

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService';
const METHODS = { delta: `${SERVICE}/DeltaAggregatedResources`, sotw: `${SERVICE}/StreamAggregatedResources` } as const;
/** gRPC code INVALID_ARGUMENT, as the protocol wants it in a NACK. */
const INVALID_ARGUMENT = 3;
const MOST_NACK = 2_000;

/** One discovery stream, delta or state of the world: requests, ACKs and NACKs. Decodes frames, not resources. */
export class DiscoveryStream {
  readonly transport: Transport;
  readonly #stream: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #node: string;
  readonly #accepted = new Map<TypeUrl, string>();
  #isFirst = true;

  /** @param node id that the server shows us under (`isthmus get proxies`) */
  constructor(transport: Transport, { client, metadata }: Connection, node: string) {
    this.transport = transport;
    this.#node = node;
    const asIs = (bytes: Buffer): Buffer => bytes;
    this.#stream = client.makeBidiStreamRequest(METHODS[transport], (bytes) => Buffer.from(bytes), asIs, metadata, {});
    this.#stream.on('error', () => undefined); // `answers` throws it
  }

  /** @param versions delta: what we have of the type */
  subscribe(type: TypeUrl, versions: Readonly<Record<string, string>>): void {
    if (this.transport === 'sotw') return this.#send({ typeUrl: type });
    const known = Object.keys(versions).length > 0;
    const initialResourceVersions = known ? { ...versions, [MARKER]: '0' } : {};
    this.#send({ typeUrl: type, resourceNamesSubscribe: ['*'], initialResourceVersions });
  }

  /** Accepts the answer, or says what of it was not accepted. */
  respond(answer: Answer, refused: readonly string[]): void {
    const { type, nonce } = answer;
    const message = refused.join('; ').slice(0, MOST_NACK);
    if (refused.length === 0) this.#accepted.set(type, answer.version);
    this.#send({
      typeUrl: type,
      responseNonce: nonce,
      ...(this.transport === 'sotw' ? { versionInfo: this.#accepted.get(type) ?? '' } : {}),
      ...(refused.length === 0 ? {} : { errorDetail: { code: INVALID_ARGUMENT, message } }),
    });
  }

  /**
   * Ends when the server ends the stream. What is not read yet holds the server back.
   * @throws ServiceError of grpc-js
   */
  async *answers(onMessage: ((atMs: number) => void) | undefined): AsyncGenerator<Answer> {
    for await (const bytes of this.#stream) {
      onMessage?.(performance.now());
      yield readAnswer(this.transport, bytes as Buffer, MARKER);
    }
  }

  cancel(): void {
    this.#stream.cancel();
  }

  #send(request: {
    readonly typeUrl: string;
    readonly responseNonce?: string;
    readonly versionInfo?: string;
    readonly resourceNamesSubscribe?: string[];
    readonly initialResourceVersions?: Record<string, string>;
    readonly errorDetail?: { readonly code: number; readonly message: string };
  }): void {
    // istiod's generator for whole configuration objects; other servers do not look at it.
    const node = this.#isFirst ? { node: { id: this.#node, metadata: { GENERATOR: 'api' } } } : {};
    this.#isFirst = false;
    const bytes =
      this.transport === 'delta'
        ? toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { ...node, ...request }))
        : toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { ...node, ...request }));
    this.#stream.write(bytes);
  }
}

/** The server has no such method. */
export function isUnimplemented(thrown: unknown): boolean {
  return (thrown as Partial<ServiceError>).code === status.UNIMPLEMENTED;
}
