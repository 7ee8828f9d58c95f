import { status } from '@grpc/grpc-js';
import type { TypeUrl } from '@isthmus/model';
import { admit } from './admit.ts';
import type { AdmittedClient } from './admit.ts';
import type { ClientConfig, ClientStatus } from './client-status.ts';
import { readDeltaRequest, readSotwRequest } from './discovery-request.ts';
import type { DiscoveryRequest } from './discovery-request.ts';
import { LaterRuns } from './later-runs.ts';
import { NameMemory } from './name-memory.ts';
import { HEALTH_INFORMATION } from './node-session.ts';
import type { NodeSession } from './node-session.ts';
import { newTypeStream } from './new-type-stream.ts';
import { inOrder } from './push-order.ts';
import { ReturningClient } from './returning-client.ts';
import type { NodeInfo, ViewChange } from './resource-provider.ts';
import type { RetirementMember } from './retirement.ts';
import { LARGE_MESSAGE } from './send-budget.ts';
import { SentSerials } from './sent-serials.ts';
import type { StreamOptions } from './stream-options.ts';
import { StreamPusher } from './stream-pusher.ts';
import { clientConfig, clientStatus } from './stream-report.ts';
import type { TypeStream } from './type-stream.ts';
import { EDS, LDS, RDS } from './type-urls.ts';

interface Admitted extends AdmittedClient {
  readonly unsubscribe: () => void;
  readonly session: NodeSession | undefined;
}

/** One client's stream: requests in, pushes out (`StreamPusher`), in the same turn of the event loop as the change that caused them. */
export class XdsStream implements RetirementMember {
  readonly #options: StreamOptions;
  readonly #types = new Map<TypeUrl, TypeStream>();
  /** The same, in the order of pushes. */
  #ordered: readonly TypeStream[] = [];
  readonly #names = new NameMemory();
  readonly #returning: ReturningClient;
  readonly #pusher: StreamPusher;
  readonly #since: number;
  #admitted: Admitted | undefined;
  /** See `ResourceView.ready`. */
  #viewIsIncomplete = false;
  #state: 'waiting' | 'open' | 'closed' = 'waiting';
  readonly #serials: SentSerials;
  #foreignNonces = 0;
  /** By type, or '' for any: a push that has to wait for a while. */
  readonly #later: LaterRuns;
  readonly #retry = (): void => this.#flush();

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#since = options.clock.now();
    this.#returning = new ReturningClient(options.onlyType === undefined && options.profile.name === 'ads');
    this.#serials = new SentSerials(options.responses);
    this.#later = new LaterRuns(options.timers, this.#retry);
    this.#pusher = new StreamPusher({
      ...{ options, types: this.#types, returning: this.#returning, serials: this.#serials, later: this.#later },
      ...{ admitted: () => this.#admitted, retry: this.#retry },
      onStall: (code, message) => this.end(code, message),
      wakeOthers: () => this.#admitted?.family.wakeOthers(this),
    });
  }

  get node(): NodeInfo | undefined {
    return this.#admitted?.node;
  }

  get acceptedThrough(): number {
    return Math.min(this.#types.get(LDS)?.acceptedThrough ?? Infinity, this.#types.get(RDS)?.acceptedThrough ?? Infinity);
  }

  /** From now on requests are answered; until then they are only noted: nobody is sent half of what there is. */
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
    const admitted = this.#admitted ?? this.#admit(request.node);
    if (request.type === HEALTH_INFORMATION && admitted?.session !== undefined) {
      admitted.session.health(request.error?.message);
      return;
    }
    const stream = admitted === undefined ? undefined : this.#typeStream(request, admitted);
    if (stream === undefined || admitted === undefined) return;
    this.#take(stream, request, admitted);
    if (stream.subscription.load > this.#options.maxNames) {
      const limit = `more than ${this.#options.maxNames} names of ${stream.type} in one subscription`;
      this.end(status.RESOURCE_EXHAUSTED, `${limit}; subscribe to "*" or split the client`);
      return;
    }
    // Taking thousands of names and choosing what to send for them are two turns of the loop.
    if (stream.subscription.isDue && bytes.length > LARGE_MESSAGE) this.#later.after(stream.type, 0);
    else this.#flush();
  }

  /** Ends the stream with a reason that the client, `proxy status` and the metrics get. */
  end(code: status, message: string, kind: 'ended' | 'refused' | 'drained' = 'ended', node = this.node?.id ?? ''): void {
    if (this.#state === 'closed') return;
    const { channel, onEvent } = this.#options;
    if (kind !== 'drained') onEvent({ kind, node, address: channel.peer.address, code: status[code], reason: message });
    this.close();
    channel.end(code, message);
  }

  /** The peer is gone, or is to go. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#pusher.close();
    this.#later.close();
    const admitted = this.#admitted;
    if (admitted === undefined) return;
    admitted.unsubscribe();
    admitted.retirement.leave(this);
    admitted.family.leave(this, this.#types.values());
    admitted.session?.close();
    this.#options.onEvent({ kind: 'disconnected', node: admitted.node.id, address: this.#options.channel.peer.address });
  }

  status(): ClientStatus | undefined {
    if (this.node === undefined) return undefined;
    const types = this.#ordered.map((stream) => stream.status());
    return { ...clientStatus(this.node, this.#options), since: this.#since, foreignNonces: this.#foreignNonces, types };
  }

  config(): ClientConfig | undefined {
    const admitted = this.#admitted;
    return admitted && clientConfig(admitted.node, this.#ordered, admitted.view, admitted.retirement);
  }

  /** For `RetirementMember`. */
  released(names: ReadonlyMap<TypeUrl, readonly string[]>): void {
    for (const [type, gone] of names) {
      const stream = this.#types.get(type);
      stream?.subscription.released(gone);
      stream?.noteDue(this.#admitted!.view.revision);
    }
    this.#admitted!.family.order.forget(names.get(EDS) ?? []);
    this.#flush();
  }

  /** For `StreamFamily`. */
  wake(): void {
    this.#flush();
  }

  #admit(claimed: NodeInfo | undefined): Admitted | undefined {
    const { channel, onEvent } = this.#options;
    const result = admit(claimed, this.#options);
    if ('problem' in result) {
      this.end(result.code, result.problem, 'refused', result.id);
      return undefined;
    }
    const { node, view, retirement, family } = result;
    retirement.join(this);
    family.join(this);
    const unsubscribe = view.subscribe((change) => this.#changed(change));
    this.#admitted = { ...result, unsubscribe, session: this.#options.session?.(node, channel.peer) };
    this.#waitFor(view.ready);
    onEvent({ kind: 'connected', node: node.id, address: channel.peer.address });
    return this.#admitted;
  }

  #waitFor(ready: Promise<void> | undefined): void {
    this.#viewIsIncomplete = ready !== undefined;
    void ready?.then(() => {
      this.#viewIsIncomplete = false;
      this.#flush();
    });
  }

  #typeStream(request: DiscoveryRequest, { node, family }: Admitted): TypeStream | undefined {
    const { onlyType } = this.#options;
    const type = request.type === '' && onlyType !== undefined ? onlyType : request.type;
    const known = this.#types.get(type);
    if (known !== undefined) return known;
    const stream = newTypeStream(type, this.#types.size, node, this.#options);
    if ('problem' in stream) {
      this.end(stream.code, stream.problem);
      return undefined;
    }
    this.#types.set(type, stream);
    this.#ordered = inOrder(this.#types, this.#options.profile.order);
    family.add(stream);
    if (!stream.served) this.#odd('unknown-type');
    return stream;
  }

  #take(stream: TypeStream, request: DiscoveryRequest, { node, view, family }: Admitted): void {
    const { clock, profile, transport, onEvent } = this.#options;
    const { subscription, type } = stream;
    const inFlight = subscription.inFlight;
    const first = stream.sentVersion === undefined;
    const verdict = subscription.receive(request);
    this.#returning.asked(request, stream, node, clock.now());
    // What a client that comes back goes by, we do not know: nothing of ours is accepted yet.
    stream.noteDue(first ? 0 : view.revision, view.revision);
    if (verdict.kind === 'none' || inFlight === undefined) {
      // A first request may carry the last nonce of an earlier stream.
      if (!first && request.nonce !== '' && this.#serials.isForeign(request.nonce)) this.#odd('foreign-nonce');
      return;
    }
    const { version, at } = inFlight;
    const now = clock.now();
    if (transport === 'sotw') stream.notBefore = now + Math.min(now - at, profile.maxPause);
    const nack = stream.noteAnswer(verdict, version, now);
    if (nack === undefined) onEvent({ kind: 'acked', node: node.id, type, version, ms: now - at });
    else onEvent({ kind: 'nacked', node: node.id, type, version, message: nack.message });
    family.order.answered(stream, this.#pusher.endpoints);
    family.wakeOthers(this);
  }

  #odd(what: 'foreign-nonce' | 'unknown-type'): void {
    if (what === 'foreign-nonce') this.#foreignNonces += 1;
    this.#options.onEvent({ kind: 'odd', what, node: this.node?.id ?? '', address: this.#options.channel.peer.address });
  }

  #changed(change: ViewChange): void {
    // Nothing of it was sent yet: all that the client wants is due already.
    if (this.#viewIsIncomplete) return;
    const { retirement } = this.#admitted!;
    for (const [type, names] of change.changed) {
      const stream = this.#types.get(type);
      if (stream === undefined) continue;
      stream.subscription.changed(names, retirement.resources(type));
      stream.noteDue(change.revision);
    }
    // Siblings hear of the change one after the other: routes wait until their clusters' stream has heard of it too.
    const { onlyType } = this.#options;
    if (onlyType === LDS || onlyType === RDS) this.#later.after('', 0);
    else this.#flush();
  }

  #flush(): void {
    const admitted = this.#admitted;
    if (this.#state !== 'open' || admitted === undefined || this.#viewIsIncomplete) return;
    const { clock, transport } = this.#options;
    // One time for all: endpoints must not be answered as empty because a millisecond has passed since clusters were still waited for.
    const now = clock.now();
    const wait = admitted.family.dropLeftovers(this, now);
    if (wait !== undefined) this.#later.after('', wait);
    const unasked = this.#returning.presume(this.#types, transport, now);
    if (unasked !== undefined) this.#take(this.#typeStream(unasked, admitted)!, unasked, admitted);
    const keep = this.#returning.release(this.#types, now);
    if (keep > 0) this.#later.after('', keep);
    for (const stream of this.#ordered) if (stream.subscription.isDue) this.#pusher.pushIfPossible(stream, admitted, now);
  }
}
