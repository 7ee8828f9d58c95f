import type { MeshService } from '@isthmus/model';

/** `defaultServiceExportTo`: who sees a service that does not say it. The same service gives the same object. */
export class DefaultVisibility {
  readonly #exportTo: readonly string[] | undefined;
  readonly #made = new WeakMap<MeshService, MeshService>();

  constructor(exportTo: readonly string[] | undefined) {
    this.#exportTo = exportTo;
  }

  of(service: MeshService): MeshService {
    if (this.#exportTo === undefined || (service.exportTo?.length ?? 0) > 0) return service;
    let made = this.#made.get(service);
    if (made === undefined) this.#made.set(service, (made = { ...service, exportTo: this.#exportTo }));
    return made;
  }
}
