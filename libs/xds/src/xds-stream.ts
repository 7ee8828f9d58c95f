import { status } from '@grpc/grpc-js';
import type { TypeUrl } from '@isthmus/model';
import type { ClientConfig, ClientStatus } from './client-status.ts';
import { endpointsNameOf } from './cluster-endpoints-name.ts';
import { readDeltaRequest, readSotwRequest } from './discovery-request.ts';
import type { DiscoveryRequest } from './discovery-request.ts';
import { encodePush } from './encode-push.ts';
import { NameMemory } from './name-memory.ts';
import { MAX_HOLD, PushOrder } from './push-order.ts';
import type { NodeInfo, ResourceView, ViewChange } from './resource-provider.ts';
import { LARGE_MESSAGE } from './send-budget.ts';
import type { StreamOptions } from './stream-options.ts';
import type { Push } from './subscription.ts';
import { TypeStream } from './type-stream.ts';
import { CDS, EDS, LDS, RDS } from './type-urls.ts';
import type { XdsEvent } from './xds-event.ts';

const MAX_TYPES = 64;

/** ms that a client may take to read a large message before its stream is given up. */
const MAX_STALL = 30_000;

/** One client's stream: requests in, pushes out, in the same turn of the event loop as the change that caused them. */
export class XdsStream {
  readonly #options: StreamOptions;
  readonly #types = new Map<TypeUrl, TypeStream>();
  readonly #order = new PushOrder();
  readonly #names = new NameMemory();
  readonly #since: number;
  #node: NodeInfo | undefined;
  #view: ResourceView | undefined;
  #unsubscribe: () => void = () => undefined;
  #state: 'waiting' | 'open' | 'closed' = 'waiting';
  #nonces = 0;
  /** Bytes of large messages that the client has not read yet. */
  #outstanding = 0;
  /** The timer of the large message that is being encoded, or not read yet. */
  #callOffLarge: () => void = () => undefined;
  #encoding = false;
  /** By type: a push that has to wait for a while. */
  readonly #laterFlushes = new Map<TypeUrl, () => void>();
  readonly #retry = (): void => this.#flush();

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  get node(): NodeInfo | undefined {
    return this.#node;
  }

  /** From now on requests are answered; until then they are only noted, so that nobody is sent half of what there is. */
  open(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'open';
    this.#flush();
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    let request: DiscoveryRequest;
    try {
      request = this.#options.transport === 'sotw' ? readSotwRequest(bytes, this.#names) : readDeltaRequest(bytes);
    } catch (error) {
      this.end(status.INVALID_ARGUMENT, `the request is no ${this.#options.transport} discovery request: ${String(error)}`);
      return;
    }
    if (this.#node === undefined && !this.#admit(request.node)) return;
    const stream = this.#typeStream(request);
    if (stream === undefined) return;
    this.#take(stream, request);
    if (stream.subscription.load > this.#options.maxNames) {
      const limit = `more than ${this.#options.maxNames} names of ${stream.type} in one subscription`;
      this.end(status.RESOURCE_EXHAUSTED, `${limit}; subscribe to "*" or split the client`);
      return;
    }
    // Taking thousands of names and choosing what to send for them are two turns of the loop.
    if (stream.subscription.isDue && bytes.length > LARGE_MESSAGE) this.#flushAfter(stream.type, 0);
    else this.#flush();
  }

  end(code: status, message: string): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#options.channel.end(code, message);
  }

  /** The peer is gone, or is to go. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#unsubscribe();
    this.#callOffLarge();
    for (const callOff of this.#laterFlushes.values()) callOff();
    this.#options.budget.forget(this.#retry);
    this.#options.budget.give(this.#outstanding);
    this.#outstanding = 0;
    if (this.#node !== undefined)
      this.#tell({ kind: 'disconnected', node: this.#node.id, address: this.#options.channel.address });
  }

  status(): ClientStatus | undefined {
    if (this.#node === undefined) return undefined;
    return {
      node: this.#node.id,
      cluster: this.#node.cluster,
      userAgent: this.#node.userAgent,
      address: this.#options.channel.address,
      since: this.#since,
      transport: this.#options.profile.name === 'mcp' ? 'mcp' : this.#options.transport,
      types: this.#inOrder().map((stream) => stream.status()),
    };
  }

  config(): ClientConfig | undefined {
    const view = this.#view;
    if (this.#node === undefined || view === undefined) return undefined;
    const types = this.#inOrder().map(({ type, subscription }) => ({
      type,
      version: view.version(type),
      resources: [...view.resources(type).values(), ...subscription.retiring.values()]
        .filter(({ name }) => subscription.wants(name))
        .map(({ name, version }) => ({ name, version, pending: subscription.isPending(name) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    }));
    return { node: this.#node.id, types };
  }

  #admit(node: NodeInfo | undefined): boolean {
    const { provider, channel, profile } = this.#options;
    if (node === undefined && profile.name === 'ads') {
      this.end(status.INVALID_ARGUMENT, 'the first request of a stream must say which node it is; set `node: { id, cluster }`');
      return false;
    }
    const known = node ?? { id: '', cluster: '', metadata: {}, userAgent: '' };
    const view = provider.viewFor(known);
    if ('refused' in view) {
      this.#tell({ kind: 'refused', address: channel.address, reason: `node "${known.id}": ${view.refused}` });
      this.end(status.PERMISSION_DENIED, view.refused);
      return false;
    }
    this.#node = known;
    this.#view = view;
    this.#unsubscribe = view.subscribe((change) => this.#changed(change));
    this.#tell({ kind: 'connected', node: known.id, address: channel.address });
    return true;
  }

  #typeStream(request: DiscoveryRequest): TypeStream | undefined {
    const { onlyType, profile } = this.#options;
    const type = request.type === '' && onlyType !== undefined ? onlyType : request.type;
    if (type === '' || (onlyType !== undefined && type !== onlyType)) {
      this.end(status.INVALID_ARGUMENT, `type_url "${type}" is not served on this stream; use the aggregated service for it`);
      return undefined;
    }
    let stream = this.#types.get(type);
    if (stream === undefined) {
      if (this.#types.size >= MAX_TYPES) {
        this.end(status.RESOURCE_EXHAUSTED, `more than ${MAX_TYPES} types on one stream`);
        return undefined;
      }
      stream = new TypeStream(type, profile.rules(type, this.#node!));
      this.#types.set(type, stream);
    }
    return stream;
  }

  #take(stream: TypeStream, request: DiscoveryRequest): void {
    const { clock, profile, transport } = this.#options;
    const inFlight = stream.subscription.inFlight;
    const verdict = stream.subscription.receive(request);
    if (verdict.kind === 'none' || inFlight === undefined) return;
    const { version, at } = inFlight;
    const now = clock.now();
    const told = { node: this.#node!.id, type: stream.type, version };
    stream.answers += 1;
    if (transport === 'sotw') stream.notBefore = now + Math.min(now - at, profile.maxPause);
    if (verdict.kind === 'ack') {
      stream.ackedVersion = version;
      stream.nack = undefined;
      this.#tell({ kind: 'acked', ...told, ms: now - at });
    } else {
      const message = verdict.error.message.slice(0, 4_096);
      stream.nack = { at: now, message, version };
      this.#tell({ kind: 'nacked', ...told, message });
    }
  }

  #changed(change: ViewChange): void {
    const now = this.#options.clock.now();
    // Listeners and routes first: whether a cluster may go depends on them.
    for (const type of [LDS, RDS]) this.#mark(type, change, now);
    for (const type of change.changed.keys()) if (type !== LDS && type !== RDS) this.#mark(type, change, now);
    this.#flush();
  }

  #mark(type: TypeUrl, change: ViewChange, now: number): void {
    const names = change.changed.get(type);
    const subscription = this.#types.get(type)?.subscription;
    if (names === undefined || subscription === undefined) return;
    const gone = change.removed.get(type);
    const retire = gone !== undefined && gone.size > 0 && this.#order.retires(type, this.#types, now) ? gone : undefined;
    subscription.changed(names, retire);
  }

  #flush(): void {
    if (this.#state !== 'open' || this.#view === undefined) return;
    this.#order.release(this.#types, this.#options.clock.now());
    for (const stream of this.#inOrder()) this.#pushIfPossible(stream, this.#view);
  }

  #inOrder(): TypeStream[] {
    const { order } = this.#options.profile;
    const first = order.flatMap((type) => this.#types.get(type) ?? []);
    if (first.length === this.#types.size) return first;
    return [...first, ...[...this.#types.values()].filter((stream) => !order.includes(stream.type))];
  }

  #pushIfPossible(stream: TypeStream, view: ResourceView): void {
    const { clock, budget, profile, transport } = this.#options;
    const { subscription, type } = stream;
    if (!subscription.isDue || subscription.inFlight !== undefined || this.#outstanding > 0 || this.#encoding) return;
    const resources = view.resources(type);
    if (resources.size === 0 && profile.silentWhenEmpty(type)) return;
    const now = clock.now();
    if (now < stream.notBefore) return this.#flushAfter(type, stream.notBefore - now);
    if (this.#order.holds(type, this.#types, now)) return this.#flushAfter(type, MAX_HOLD);
    if (!budget.mayStart(this.#retry)) return;
    const push = subscription.next(transport, resources);
    if (push !== undefined) this.#push(stream, view, push, now);
  }

  #push(stream: TypeStream, view: ResourceView, push: Push, now: number): void {
    const { type, subscription } = stream;
    const { profile, transport, id } = this.#options;
    const nonce = `${id}-${(this.#nonces += 1)}`;
    const version = view.version(type);
    const steps = encodePush({ view, type, transport, anyType: profile.anyType(type), nonce, push });
    const first = steps.next();
    if (first.done === true && first.value === undefined) return;
    subscription.sent({ nonce, version, at: now });
    stream.sentVersion = version;
    if (first.done === true) this.#pushed(type, version, push, first.value);
    else this.#encodeOn(steps, (message) => this.#pushed(type, version, push, message));
  }

  #pushed(type: TypeUrl, version: string, push: Push, message: Buffer | undefined): void {
    if (message === undefined) return;
    this.#send(message);
    this.#tell({ kind: 'pushed', node: this.#node!.id, type, version, bytes: message.length });
    if (type === CDS) this.#askEndpointsOf(push);
  }

  /** A large message is encoded over several turns of the event loop; nothing else is pushed meanwhile, to keep the order. */
  #encodeOn(steps: Generator<void, Buffer | undefined>, done: (message: Buffer | undefined) => void): void {
    this.#encoding = true;
    this.#callOffLarge = this.#options.timers.after(0, () => {
      const step = steps.next();
      if (step.done !== true) return this.#encodeOn(steps, done);
      this.#encoding = false;
      done(step.value);
      this.#flush();
    });
  }

  /** A changed cluster warms until it gets its endpoints again, asked for or not (envoy#13009, envoy#33607). */
  #askEndpointsOf(push: Push): void {
    const endpoints = this.#types.get(EDS)?.subscription;
    if (endpoints === undefined) return;
    for (const cluster of push.fresh) endpoints.ask(endpointsNameOf(cluster));
  }

  #send(message: Buffer): void {
    const { budget, channel, timers } = this.#options;
    if (message.length < LARGE_MESSAGE) {
      channel.send(message, () => undefined);
      return;
    }
    budget.take(message.length);
    this.#outstanding += message.length;
    this.#callOffLarge = timers.after(MAX_STALL, () =>
      this.end(status.DEADLINE_EXCEEDED, `the client has not read a message of ${message.length} bytes in ${MAX_STALL / 1000} s`),
    );
    channel.send(message, () => {
      if (this.#state === 'closed') return; // close() has given the bytes back
      this.#callOffLarge();
      this.#outstanding -= message.length;
      budget.give(message.length);
      this.#flush();
    });
  }

  #flushAfter(type: TypeUrl, ms: number): void {
    if (this.#laterFlushes.has(type)) return;
    const callOff = this.#options.timers.after(ms, () => {
      this.#laterFlushes.delete(type);
      this.#flush();
    });
    this.#laterFlushes.set(type, callOff);
  }

  #tell(event: XdsEvent): void {
    this.#options.onEvent(event);
  }
}
