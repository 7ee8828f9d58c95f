import type { Diagnostic, MeshHost, MeshService, Resource } from '@isthmus/model';
import { SERVICE_ENTRY_TYPE, serviceEntryResourceSteps } from '@isthmus/translate';
import type { ServiceEntryResources } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';

/** Turns merged services into the ServiceEntries that istiod reads over MCP. */
export class McpPublisher {
  readonly #names = new Map<MeshHost, readonly string[]>();
  readonly #diagnostics = new Map<MeshHost, readonly Diagnostic[]>();
  #changes: ResourceChange[] = [];

  /** Translates in steps; `changes` then has the result. */
  *publish(hosts: Iterable<MeshHost>, merged: (host: MeshHost) => MeshService | undefined): Generator<void> {
    for (const host of hosts) {
      yield* this.#publish(host, merged(host));
      yield;
    }
  }

  /** What was translated since the last call. */
  changes(): readonly ResourceChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** What Istio would refuse of a service, and so was left out. */
  diagnosticsOf(host: MeshHost): readonly Diagnostic[] {
    return this.#diagnostics.get(host) ?? [];
  }

  diagnostics(): Iterable<Diagnostic> {
    return this.#diagnostics.values().flatMap((list) => list);
  }

  /** `namespace/name` of the host's ServiceEntries. */
  namesOf(host: MeshHost): readonly string[] {
    return this.#names.get(host) ?? [];
  }

  *#publish(host: MeshHost, service: MeshService | undefined): Generator<void> {
    const { resources, diagnostics } = service === undefined ? NOTHING : yield* serviceEntryResourceSteps(service);
    if (diagnostics.length === 0) this.#diagnostics.delete(host);
    else this.#diagnostics.set(host, diagnostics);
    const names = resources.map((resource) => resource.name);
    for (const name of this.namesOf(host)) if (!names.includes(name)) this.#push(name, undefined);
    for (const resource of resources) this.#push(resource.name, resource);
    if (names.length === 0) this.#names.delete(host);
    else this.#names.set(host, names);
  }

  #push(name: string, resource: Resource | undefined): void {
    this.#changes.push({ type: SERVICE_ENTRY_TYPE, name, resource });
  }
}

const NOTHING: ServiceEntryResources = { resources: [], diagnostics: [] };
