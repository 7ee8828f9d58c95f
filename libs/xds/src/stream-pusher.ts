import type { status } from '@grpc/grpc-js';
import type { TypeUrl } from '@isthmus/model';
import type { AdmittedClient } from './admit.ts';
import { askEndpointsOf } from './ask-endpoints.ts';
import { encodePush } from './encode-push.ts';
import { Heartbeats } from './heartbeats.ts';
import type { LaterRuns } from './later-runs.ts';
import type { Push } from './push.ts';
import { pushReadiness } from './push-readiness.ts';
import { PushWriter } from './push-writer.ts';
import type { ReturningClient } from './returning-client.ts';
import { LARGE_MESSAGE } from './send-budget.ts';
import type { SentSerials } from './sent-serials.ts';
import type { StreamOptions } from './stream-options.ts';
import type { TypeStream } from './type-stream.ts';
import { CDS, EDS } from './type-urls.ts';

export interface StreamPusherOptions {
  readonly options: StreamOptions;
  readonly types: ReadonlyMap<TypeUrl, TypeStream>;
  readonly returning: ReturningClient;
  readonly serials: SentSerials;
  /** By type: what has to wait for a while is looked at again then. */
  readonly later: LaterRuns;
  /** Who it is, once that is known. */
  readonly admitted: () => AdmittedClient | undefined;
  /** What is due may go now. */
  readonly retry: () => void;
  readonly onStall: (code: status, message: string) => void;
  /** Others of the node's streams have something to do. */
  readonly wakeOthers: () => void;
}

/** The sending half of a stream: takes what is due of a type when it may go, and notes that the client has it. */
export class StreamPusher {
  readonly #from: StreamPusherOptions;
  readonly #writer: PushWriter;
  readonly #heartbeats: Heartbeats;

  constructor(from: StreamPusherOptions) {
    this.#from = from;
    const { options, types, serials, admitted } = from;
    const { channel, budget, timers } = options;
    this.#writer = new PushWriter({ channel, budget, timers, onRoom: from.retry, onStall: from.onStall });
    this.#heartbeats = new Heartbeats({ options, types, admitted, writer: this.#writer, sending: serials.note });
  }

  /** Of the client, as far as it has asked for them; `apart`: over other streams. */
  get endpoints(): TypeStream | 'apart' | undefined {
    return this.#from.types.get(EDS) ?? (this.#from.options.onlyType === undefined ? undefined : 'apart');
  }

  pushIfPossible(stream: TypeStream, admitted: AdmittedClient, now: number): void {
    const { types, returning, later, retry } = this.#from;
    const { budget, profile, transport } = this.#from.options;
    if (this.#writer.busy) return;
    const { subscription, type } = stream;
    const ready = pushReadiness({ stream, profile, returning, endpoints: types.get(EDS), now }, admitted);
    if (ready === undefined) return;
    if ('wait' in ready) return later.after(type, ready.wait);
    if (subscription.mayBeLarge(transport, ready.stock, LARGE_MESSAGE) && !budget.mayStart(retry)) return;
    if (ready.overtakes) subscription.overtake();
    const push = subscription.next(transport, ready.stock);
    if (push !== undefined) this.#push(stream, push, admitted, now);
  }

  close(): void {
    this.#writer.close();
    this.#heartbeats.close();
    this.#from.options.budget.forget(this.#from.retry);
  }

  #push(stream: TypeStream, push: Push, admitted: AdmittedClient, now: number): void {
    const { type, subscription } = stream;
    const { profile, transport, onEvent, responses } = this.#from.options;
    const { serials } = this.#from;
    const { view, node } = admitted;
    const version = view.version(type);
    const how = { transport, anyType: profile.anyType(type), ttl: this.#heartbeats.ttl(type) };
    const steps = encodePush({ ...how, view, type, push, responses, after: serials.last });
    const written = this.#writer.write(steps, {
      begun: () => {
        subscription.sent({ nonce: undefined, version, at: now });
        stream.notePush(version);
        this.#heartbeats.begin(type);
      },
      sending: (response) => {
        serials.note(response);
        subscription.sent({ nonce: response.nonce, version, at: now });
      },
      sent: (bytes) => {
        onEvent({ kind: 'pushed', node: node.id, type, version, bytes });
        if (type === CDS) this.#askEndpointsOf(push, stream, admitted);
      },
    });
    if (!written) stream.notePush(undefined);
  }

  #askEndpointsOf(push: Push, clusters: TypeStream, admitted: AdmittedClient): void {
    const { options, returning, wakeOthers } = this.#from;
    const { transport } = options;
    if (askEndpointsOf({ push, clusters, transport, endpoints: this.endpoints, returning }, admitted)) wakeOthers();
  }
}
