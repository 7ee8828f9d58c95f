import type { TargetEndpoints, TargetViewHash, ViewEndpoint } from '@isthmus/contract';

/** What the mesh sees of a target: in full where a rung needs it, else only what it comes to. */
export interface MeshView {
  readonly hash: string;
  readonly count: number;
  readonly endpoints?: readonly ViewEndpoint[];
}

/** Endpoints that are kept of all targets together; of views beyond only what they come to, and their targets' calls stay on the SDK's pick. */
const MOST_ENDPOINTS = 200_000;

type Listener = (authority: string, view: MeshView | undefined) => void;

/** The mesh's views of the targets of this process, as the control plane last said them. They outlive a lost connection. */
export class MeshViews {
  readonly #views = new Map<string, MeshView>();
  readonly #listeners = new Set<Listener>();
  /** Of all views together. */
  #endpoints = 0;

  of(authority: string): MeshView | undefined {
    return this.#views.get(authority);
  }

  /** Called with `host:port` at each change. @returns ends it */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** @throws {Error} where more are listed in all than can be meant */
  takeEndpoints({ host, port, hash, endpoints }: TargetEndpoints): void {
    const authority = `${host}:${port}`;
    const { length: count } = endpoints;
    const all = this.#endpoints - (this.#views.get(authority)?.endpoints?.length ?? 0) + count;
    this.#put(authority, all > MOST_ENDPOINTS ? { hash, count } : { hash, count, endpoints });
    if (all > MOST_ENDPOINTS)
      throw new Error(`with ${authority} the mesh lists ${all} endpoints, and at most ${MOST_ENDPOINTS} are kept`);
  }

  takeHash({ host, port, hash, endpoints }: TargetViewHash): void {
    const authority = `${host}:${port}`;
    const before = this.#views.get(authority);
    this.#put(authority, before?.hash === hash ? before : { hash, count: endpoints });
  }

  /** Targets that are no longer in the plan. */
  keep(authorities: ReadonlySet<string>): void {
    for (const authority of this.#views.keys()) if (!authorities.has(authority)) this.#put(authority, undefined);
  }

  #put(authority: string, view: MeshView | undefined): void {
    this.#endpoints += (view?.endpoints?.length ?? 0) - (this.#views.get(authority)?.endpoints?.length ?? 0);
    if (view === undefined) this.#views.delete(authority);
    else this.#views.set(authority, view);
    for (const listener of this.#listeners) listener(authority, view);
  }
}
