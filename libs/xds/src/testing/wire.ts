import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '@isthmus/proto/discovery';
import { Cluster_DiscoveryType, ClusterSchema } from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import { Retirements } from '../retirement.ts';
import { SendBudget } from '../send-budget.ts';
import { SharedResponses } from '../shared-responses.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import { StreamFamily } from '../stream-family.ts';
import type { StreamOptions } from '../stream-options.ts';
import { ADS } from '../stream-profile.ts';
import { PUSH_ORDER } from '../type-urls.ts';
import type { XdsEvent } from '../xds-event.ts';
import { XdsStream } from '../xds-stream.ts';
import { FakeTime } from './fake-time.ts';

const SHORT = new Map(PUSH_ORDER.map((type, i) => [type, ['CDS', 'EDS', 'LDS', 'RDS', 'VHDS', 'SDS', 'RTDS'][i]!]));

interface Response {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly versionInfo: string;
  readonly names: string;
}

interface Ask {
  readonly error?: string;
  readonly unsubscribe?: string[];
  readonly has?: Record<string, string>;
  /** State of the world: what it accepted last. */
  readonly version?: string;
}

/** A stream on a wire that the test holds: time, timers and the reading of messages included. */
export class Wire {
  readonly store: SnapshotStore;
  readonly time: FakeTime;
  readonly #retirements: Retirements;
  readonly #serverResponses: SharedResponses;
  readonly responses: Response[] = [];
  readonly events: XdsEvent[] = [];
  readonly undrained: (() => void)[] = [];
  readonly node = { id: 'web', cluster: 'c', userAgentName: 'envoy' };
  ended: { code: number; message: string } | undefined;
  reads = true;
  readonly #taken = { count: 0 };
  readonly transport: 'sotw' | 'delta';
  readonly stream: XdsStream;

  /** @param beside another client of the same server */
  constructor(transport: 'sotw' | 'delta', more: Partial<StreamOptions> = {}, beside?: Wire) {
    this.transport = transport;
    this.store = beside?.store ?? new SnapshotStore(PUSH_ORDER);
    this.time = beside?.time ?? new FakeTime();
    const { clock, timers } = this.time;
    this.#retirements = beside === undefined ? new Retirements(clock, timers) : beside.#retirements;
    this.#serverResponses = beside === undefined ? new SharedResponses('s') : beside.#serverResponses;
    this.stream = new XdsStream({
      profile: ADS,
      transport,
      onlyType: undefined,
      provider: { viewFor: () => this.store },
      budget: new SendBudget(),
      responses: this.#serverResponses,
      maxNames: 100,
      clock,
      timers,
      onEvent: (event) => this.events.push(event),
      retirements: this.#retirements,
      familyOf: () => new StreamFamily(() => undefined),
      returns: () => undefined,
      channel: {
        peer: { address: '127.0.0.1:1', identity: undefined },
        send: (message, done) => {
          this.responses.push(this.#decode(Buffer.concat(message.parts)));
          if (this.reads) done();
          else this.undrained.push(done);
        },
        end: (code, message) => void (this.ended = { code, message }),
      },
      ...more,
    });
  }

  get now(): number {
    return this.time.at;
  }

  set now(at: number) {
    this.time.at = at;
  }

  pass(ms: number): void {
    this.time.pass(ms);
  }

  open(): this {
    this.stream.open();
    return this;
  }

  ask(typeUrl: string, names: string[] = [], nonce = '', { error, unsubscribe = [], has = {}, version = '' }: Ask = {}): void {
    const errorDetail = error === undefined ? {} : { errorDetail: { code: 13, message: error } };
    const common = { node: this.node, typeUrl, responseNonce: nonce, ...errorDetail };
    const bytes =
      this.transport === 'sotw'
        ? toBinary(
            DiscoveryRequestSchema,
            create(DiscoveryRequestSchema, { ...common, resourceNames: names, versionInfo: version }),
          )
        : toBinary(
            DeltaDiscoveryRequestSchema,
            create(DeltaDiscoveryRequestSchema, {
              ...common,
              resourceNamesSubscribe: names,
              resourceNamesUnsubscribe: unsubscribe,
              initialResourceVersions: has,
            }),
          );
    this.stream.receive(bytes);
  }

  /** Answers the last response of the type. */
  ack(type: string, names: string[] = [], error?: string): void {
    const last = this.responses.findLast((response) => response.typeUrl === type)!;
    this.ask(type, this.transport === 'sotw' ? names : [], last.nonce, error === undefined ? {} : { error });
  }

  /** `CDS a,b` for each response that came since the last call. */
  pushes(): string[] {
    const fresh = this.responses.slice(this.#taken.count);
    this.#taken.count = this.responses.length;
    return fresh.map(({ typeUrl, names }) => `${SHORT.get(typeUrl) ?? typeUrl} ${names}`.trim());
  }

  commit(...changes: [type: string, name: string, version?: string | undefined | Resource][]): void {
    this.store.commit(
      changes.map(([type, name, version]) => ({
        type,
        name,
        resource: typeof version === 'string' ? resource(name, version) : version,
      })),
    );
  }

  #decode(message: Buffer): Response {
    if (this.transport === 'sotw') {
      const { typeUrl, nonce, versionInfo, resources } = fromBinary(DiscoveryResponseSchema, message);
      return {
        typeUrl,
        nonce,
        versionInfo,
        names: resources.map(({ value }) => Buffer.from(value).toString('latin1').slice(2, 3)).join(),
      };
    }
    const { typeUrl, nonce, systemVersionInfo, resources, removedResources } = fromBinary(DeltaDiscoveryResponseSchema, message);
    const found = resources.map(({ name, resource: body }) => (body === undefined ? `${name}=none` : name));
    const names = [...found, ...removedResources.map((name) => `-${name}`)].join();
    return { typeUrl, nonce, versionInfo: systemVersionInfo, names };
  }
}

/** All types have their name in field 1, so that one-letter names are the third byte. */
export function resource(name: string, version: string, size = 0): Resource {
  const clusterDiscoveryType = { case: 'type' as const, value: Cluster_DiscoveryType.EDS };
  const altStatName = `${version}${'x'.repeat(size)}`;
  const bytes = toBinary(ClusterSchema, create(ClusterSchema, { name, clusterDiscoveryType, altStatName }));
  return { name, version, bytes };
}
