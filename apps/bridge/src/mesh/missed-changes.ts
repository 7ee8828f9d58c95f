import type { ListenerPlace, MeshHost } from '@isthmus/model';
import type { IstioObject } from '@isthmus/proto/istio';
import type { ScopeDirt } from '@isthmus/policy';
import type { MeshOptions, Proxy } from '@isthmus/translate';

/** What of a group has to be translated again. */
export type GroupDirt = Omit<ScopeDirt<Proxy, MeshOptions>, 'scope'>;

type Rule = IstioObject<'VirtualService'>;

/** Beyond so many it is no dearer to begin anew. */
const MOST = 1_000;

/** What a group that nobody is in has not looked at: a change costs a note of it, whatever it would have cost to translate. */
export class MissedChanges implements GroupDirt {
  all = false;
  inbound = false;
  gateways = false;
  readonly hosts = new Set<MeshHost>();
  readonly virtualServices = new Set<Rule>();
  readonly listeners = new Set<ListenerPlace>();
  /** Hosts with other instances only. */
  readonly instances = new Set<MeshHost>();
  /** Hosts of which plans leave something else to their callers. */
  readonly handedOver = new Set<MeshHost>();

  /** How much there is to look at. */
  get size(): number {
    if (this.all) return Number.POSITIVE_INFINITY;
    const flags = Number(this.inbound) + Number(this.gateways);
    const sets = [this.hosts, this.virtualServices, this.listeners, this.instances, this.handedOver];
    return sets.reduce((sum, { size }) => sum + size, flags);
  }

  add(dirt: GroupDirt): void {
    if (this.all) return;
    for (const host of dirt.hosts) this.hosts.add(host);
    for (const rule of dirt.virtualServices) this.virtualServices.add(rule);
    for (const place of dirt.listeners) this.listeners.add(place);
    this.inbound ||= dirt.inbound;
    this.gateways ||= dirt.gateways;
    this.#bound(dirt.all);
  }

  addInstances(host: MeshHost): void {
    if (this.all) return;
    this.instances.add(host);
    this.#bound(false);
  }

  addHandOver(host: MeshHost): void {
    if (this.all) return;
    this.handedOver.add(host);
    this.#bound(false);
  }

  #bound(all: boolean): void {
    if (!all && this.size <= MOST) return;
    for (const set of [this.hosts, this.virtualServices, this.listeners, this.instances, this.handedOver]) set.clear();
    this.all = true;
  }
}
