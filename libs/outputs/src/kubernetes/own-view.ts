import { DESTINATION_RULES, SERVICE_ENTRIES, VIRTUAL_SERVICES, inform } from '@isthmus/kube';
import type { InformerEvent, InformerTiming, KubeClient, KubeError, Resource } from '@isthmus/kube';
import { observe, ownSelector } from './own-objects.ts';
import type { Observed, StoredObject } from './own-objects.ts';

/** What may be written, and where. */
export interface OwnPlaces {
  readonly meshId: string;
  /** Of ServiceEntries; undefined: all. */
  readonly namespace: string | undefined;
  /** Where there are VirtualServices and DestinationRules too, for callers under plans. */
  readonly callerNamespaces: readonly string[];
}

export interface OwnPlace {
  readonly resource: Resource;
  /** Undefined: all. */
  readonly namespace: string | undefined;
}

const RESOURCES = [SERVICE_ENTRIES, VIRTUAL_SERVICES, DESTINATION_RULES];

/** @throws {Error} for a kind that this output does not write: a bug */
export function resourceOf(kind: string): Resource {
  const found = RESOURCES.find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`objects of the kind ${kind} are not written`);
  return found;
}

export function placesOf({ namespace, callerNamespaces }: OwnPlaces): readonly OwnPlace[] {
  const callers = callerNamespaces.flatMap((of) =>
    [VIRTUAL_SERVICES, DESTINATION_RULES].map((resource) => ({ resource, namespace: of })),
  );
  return [{ resource: SERVICE_ENTRIES, namespace }, ...callers];
}

export interface OwnViewOptions extends OwnPlaces {
  readonly client: KubeClient;
  readonly timing: Partial<InformerTiming> | undefined;
  /** Another object of ours than before is there, or none, by `objectKey`; after a complete list everything may be. */
  readonly changed: (key: string | undefined) => void;
  /** It is live now, or not any more. @param error why nothing can be seen */
  readonly turned: (error: KubeError | undefined) => void;
}

/** Objects of ours in the cluster, watched by label, with what is remembered of each by `objectKey`. */
export class OwnView {
  readonly observed = new Map<string, Observed>();
  readonly #options: OwnViewOptions;
  #places: readonly OwnPlace[];
  readonly #live = new Set<OwnPlace>();
  readonly #errors = new Map<OwnPlace, KubeError>();
  readonly #stops = new Map<OwnPlace, AbortController>();
  /** As long as it runs. */
  #start: ((place: OwnPlace) => void) | undefined;

  constructor(options: OwnViewOptions) {
    this.#options = options;
    this.#places = placesOf(options);
  }

  /** What is there is known, of all places. */
  get isLive(): boolean {
    return this.#live.size === this.#places.length;
  }

  async run(signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    const { promise: failed, reject } = Promise.withResolvers<never>();
    this.#start = (place) => {
      const stop = new AbortController();
      this.#stops.set(place, stop);
      const watch = this.#watch(place, AbortSignal.any([signal, stop.signal])).then(() => void running.delete(watch), reject);
      running.add(watch);
    };
    for (const place of this.#places) this.#start(place);
    const aborted = new Promise<void>((done) =>
      signal.aborted ? done() : signal.addEventListener('abort', () => done(), { once: true }),
    );
    await Promise.race([aborted, failed]);
    this.#start = undefined;
    await Promise.all(running);
  }

  /**
   * Callers are in other namespaces from now on. What is seen stays in sight, because what of ours is there has to go; a place that
   * could not be seen is forgotten.
   */
  setCallerNamespaces(callerNamespaces: readonly string[]): void {
    const wanted = placesOf({ ...this.#options, callerNamespaces });
    const isSame = (a: OwnPlace, b: OwnPlace): boolean => a.resource === b.resource && a.namespace === b.namespace;
    const isKept = (place: OwnPlace): boolean => this.#live.has(place) || wanted.some((one) => isSame(one, place));
    for (const place of this.#places) {
      if (isKept(place)) continue;
      this.#stops.get(place)?.abort();
      this.#errors.delete(place);
    }
    const kept = this.#places.filter(isKept);
    const added = wanted.filter((one) => !kept.some((place) => isSame(one, place)));
    this.#places = [...kept, ...added];
    for (const place of added) this.#start?.(place);
    this.#turned();
  }

  #turned(): void {
    const [error] = this.#errors.values();
    this.#options.turned(error);
  }

  async #watch(place: OwnPlace, signal: AbortSignal): Promise<void> {
    const { client, meshId, timing } = this.#options;
    const { resource, namespace } = place;
    const options = {
      resource,
      ...(namespace === undefined ? {} : { namespace }),
      labelSelector: ownSelector(meshId),
      keep: observe,
      same: (a: Observed, b: Observed) => a.uid === b.uid && a.digest === b.digest && a.applied === b.applied,
      ...(timing === undefined ? {} : { timing }),
    };
    for await (const event of inform<StoredObject, Observed>(client, options, signal)) this.#take(place, event);
  }

  #take(place: OwnPlace, event: InformerEvent<Observed>): void {
    const { changed } = this.#options;
    const { kind } = place.resource;
    switch (event.kind) {
      case 'snapshot': {
        const start = place.namespace === undefined ? `${kind} ` : `${kind} ${place.namespace}/`;
        for (const key of this.observed.keys()) if (key.startsWith(start)) this.observed.delete(key);
        for (const [key, kept] of event.objects) this.observed.set(`${kind} ${key}`, kept);
        return changed(undefined);
      }
      case 'upsert':
        this.observed.set(`${kind} ${event.key}`, event.object);
        return changed(`${kind} ${event.key}`);
      case 'remove':
        this.observed.delete(`${kind} ${event.key}`);
        return changed(`${kind} ${event.key}`);
      case 'status': {
        const { status } = event;
        if (status.state === 'live') this.#live.add(place);
        else this.#live.delete(place);
        if (status.state === 'stale') this.#errors.set(place, status.error);
        else this.#errors.delete(place);
        return this.#turned();
      }
      default:
        event satisfies never;
    }
  }
}
