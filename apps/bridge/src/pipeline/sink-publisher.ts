import type { MeshHost, MeshService, SourceId } from '@isthmus/model';
import { publicationId } from '@isthmus/registry';
import type { Publication, RegistrySink } from '@isthmus/registry';
import { IdleGateways } from './idle-gateways.ts';
import type { IdleGatewaysDeps } from './idle-gateways.ts';
import { publicationOf } from './publication.ts';
import type { PublishRule } from './publication.ts';

/** One name in one registry, claimed by a host. */
interface Claim {
  readonly sink: RegistrySink;
  readonly id: string;
}

/**
 * Turns merged services into what the sinks shall write: the way back of the pipeline. The work of a change is that of its
 * host; sinks then write in their own time.
 */
export class SinkPublisher {
  readonly #rules: readonly PublishRule[];
  readonly #sinks: ReadonlyMap<SourceId, RegistrySink>;
  readonly #claims = new Map<MeshHost, readonly Claim[]>();
  /** Who claims a name, by sink and id; the first host of the alphabet gets it. */
  readonly #claimants = new Map<string, Map<MeshHost, Publication>>();

  /** Gateways that are published although nobody behind them takes traffic. */
  readonly idle: IdleGateways;

  constructor(rules: readonly PublishRule[], sinks: ReadonlyMap<SourceId, RegistrySink>, deps: IdleGatewaysDeps) {
    this.idle = new IdleGateways(deps, new Set(sinks.keys()));
    this.#rules = rules;
    this.#sinks = sinks;
  }

  publish(host: MeshHost, service: MeshService | undefined): void {
    const wanted = service === undefined ? [] : this.#wantedOf(service);
    if (service === undefined) this.idle.forget(host);
    const claims = wanted.map(({ sink, publication }) => ({ sink, id: publicationId(publication.at) }));
    for (const claim of this.#claims.get(host) ?? []) {
      if (!claims.some((other) => other.sink === claim.sink && other.id === claim.id)) this.#claim(claim, host, undefined);
    }
    for (const [i, { publication }] of wanted.entries()) this.#claim(claims[i] as Claim, host, publication);
    if (claims.length === 0) this.#claims.delete(host);
    else this.#claims.set(host, claims);
  }

  /** Where a host is published: registry, name and state. */
  claimsOf(host: MeshHost): readonly Claim[] {
    return this.#claims.get(host) ?? [];
  }

  /** Hosts that want a name which another host has. */
  losersOf(sink: SourceId, id: string): readonly MeshHost[] {
    return [...(this.#claimants.get(`${sink} ${id}`)?.keys() ?? [])].sort().slice(1);
  }

  #wantedOf(service: MeshService): readonly { readonly sink: RegistrySink; readonly publication: Publication }[] {
    return [...this.#sinks.values()].flatMap((sink) => {
      const rule = this.#rules.find(({ config, matches }) => config.to === sink.id && matches(service));
      if (rule === undefined) {
        this.idle.forget(service.host, sink.id);
        return [];
      }
      const publication = this.idle.keep(service, rule, publicationOf(service, rule));
      return publication === undefined ? [] : [{ sink, publication }];
    });
  }

  #claim({ sink, id }: Claim, host: MeshHost, publication: Publication | undefined): void {
    const key = `${sink.id} ${id}`;
    const claimants = this.#claimants.get(key) ?? new Map<MeshHost, Publication>();
    if (publication === undefined) claimants.delete(host);
    else claimants.set(host, publication);
    if (claimants.size === 0) this.#claimants.delete(key);
    else this.#claimants.set(key, claimants);
    const first = claimants.size < 2 ? [...claimants.keys()][0] : [...claimants.keys()].sort()[0];
    sink.want(id, first === undefined ? undefined : claimants.get(first));
  }
}
