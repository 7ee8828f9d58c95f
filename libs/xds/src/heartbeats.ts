import type { Resource, TypeUrl } from '@isthmus/model';
import type { AdmittedClient } from './admit.ts';
import type { PushWriter } from './push-writer.ts';
import type { Response } from './shared-responses.ts';
import type { StreamOptions } from './stream-options.ts';
import { isGrpc } from './stream-profile.ts';
import { heartbeatFrame, ttlFrame } from './ttl-frames.ts';
import type { TypeStream } from './type-stream.ts';
import { CDS, LDS } from './type-urls.ts';

/** Of the TTL: so that two may be lost. */
const SHARE = 3;
/** Heartbeats encoded between two turns of the event loop. */
const STEP = 1_000;

export interface HeartbeatOptions {
  readonly options: Pick<StreamOptions, 'transport' | 'timers' | 'ttls' | 'onEvent' | 'profile' | 'responses'>;
  readonly types: ReadonlyMap<TypeUrl, TypeStream>;
  readonly writer: PushWriter;
  readonly sending: (response: Response) => void;
  /** Who it is, once that is known. */
  readonly admitted: () => AdmittedClient | undefined;
}

/**
 * Keeps a client from dropping what it has: of types with a TTL, every third of it, each resource's name and version. In state of the
 * world the resource itself: Envoy's mux puts heartbeats aside before it looks at their TTL, and drops the resource all the same
 * (docs/facts.md). Answers say nothing new and are not waited for.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  readonly #running = new Map<TypeUrl, () => void>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** ms; undefined: what is sent of it stays. */
  ttl(type: TypeUrl): number | undefined {
    const { options, admitted } = this.#options;
    const node = admitted()?.node;
    // A gRPC client keeps what it has anyway; not every one of them reads a Resource in state of the world.
    return node === undefined || isGrpc(node) ? undefined : options.ttls?.get(type);
  }

  /** Something of the type was sent. */
  begin(type: TypeUrl): void {
    const ttl = this.ttl(type);
    if (ttl !== undefined && !this.#running.has(type)) this.#after(type, ttl / SHARE, ttl);
  }

  close(): void {
    for (const callOff of this.#running.values()) callOff();
    this.#running.clear();
  }

  #after(type: TypeUrl, ms: number, ttl: number): void {
    const callOff = this.#options.options.timers.after(ms, () => {
      // What is under way or due tells of itself; the rest is told of a little later.
      const wait = this.#beat(type, ttl) ? ttl / SHARE : ttl / SHARE / 4;
      this.#after(type, wait, ttl);
    });
    this.#running.set(type, callOff);
  }

  #beat(type: TypeUrl, ttl: number): boolean {
    const { types, writer, sending, options } = this.#options;
    const [stream, admitted] = [types.get(type), this.#options.admitted()];
    if (stream === undefined || admitted === undefined) return true;
    const { subscription, ackedVersion: version } = stream;
    if (version === undefined || subscription.isDue || subscription.inFlight !== undefined || writer.busy) return false;
    writer.write(this.#encode(type, version, this.#held(stream, admitted), ttl), {
      begun: () => undefined,
      sending,
      sent: (bytes) => options.onEvent({ kind: 'pushed', node: admitted.node.id, type, version, bytes }),
    });
    return true;
  }

  /** What the client has in the form that we would send; of what it rejected it has an older one. */
  #held({ type, subscription }: TypeStream, { view, retirement }: AdmittedClient): readonly Resource[] {
    // A whole type without a resource would be its removal.
    const lists = this.#options.options.transport === 'sotw' && (type === CDS || type === LDS);
    const rejected = new Set(lists ? [] : subscription.rejected);
    // What has left the view is kept until nobody goes by it.
    const all = [view.resources(type), retirement.resources(type)];
    const found = subscription.wildcard
      ? all.flatMap((resources) => [...resources.values()])
      : [...subscription.names].flatMap((name) => all.find((resources) => resources.has(name))?.get(name) ?? []);
    return found.filter(({ name }) => !rejected.has(name));
  }

  *#encode(type: TypeUrl, version: string, held: readonly Resource[], ttl: number): Generator<void, Response | undefined> {
    const { transport, profile, responses } = this.#options.options;
    const frames: Buffer[] = [];
    for (const [n, resource] of held.entries()) {
      if (n % STEP === STEP - 1) yield;
      frames.push(
        transport === 'sotw' ? ttlFrame(resource, transport, profile.anyType(type), ttl) : heartbeatFrame(resource, ttl),
      );
    }
    if (frames.length === 0) return undefined;
    return responses.own(transport, type, version, [Buffer.concat(frames)]);
  }
}
