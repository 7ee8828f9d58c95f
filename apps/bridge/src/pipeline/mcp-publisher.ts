import type { Diagnostic, MeshHost, MeshService, Resource, TypeUrl } from '@isthmus/model';
import { SERVICE_ENTRY_TYPE, callerResource, serviceEntryResourceSteps } from '@isthmus/translate';
import type { ServiceEntryResources } from '@isthmus/translate';
import type { ResourceChange } from '@isthmus/xds';
import type { Callers } from '../mesh/callers.ts';

interface Named {
  readonly type: TypeUrl;
  /** `namespace/name`. */
  readonly name: string;
}

/** Turns merged services, and what plans leave to their callers, into the objects that istiod reads over MCP. */
export class McpPublisher {
  readonly #named = new Map<MeshHost, readonly Named[]>();
  readonly #diagnostics = new Map<MeshHost, readonly Diagnostic[]>();
  readonly #ofCallers = new Map<MeshHost, readonly Diagnostic[]>();
  #changes: ResourceChange[] = [];

  /** Translates in steps; `changes` then has the result. */
  *publish(
    hosts: Iterable<MeshHost>,
    merged: (host: MeshHost) => MeshService | undefined,
    callers: (host: MeshHost) => Callers,
  ): Generator<void> {
    for (const host of hosts) {
      yield* this.#publish(host, merged(host), callers(host));
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

  *diagnostics(): Iterable<Diagnostic> {
    for (const list of this.#diagnostics.values()) yield* list;
    for (const list of this.#ofCallers.values()) yield* list;
  }

  /** The host's ServiceEntries, and what plans leave to its callers. */
  namesOf(host: MeshHost): readonly Named[] {
    return this.#named.get(host) ?? [];
  }

  *#publish(host: MeshHost, service: MeshService | undefined, callers: Callers): Generator<void> {
    const { resources, diagnostics } = service === undefined ? NOTHING : yield* serviceEntryResourceSteps(service);
    keep(this.#diagnostics, host, diagnostics);
    keep(this.#ofCallers, host, callers.diagnostics);
    const all = [
      ...resources.map((resource) => ({ type: SERVICE_ENTRY_TYPE, resource })),
      ...callers.objects.map(callerResource),
    ];
    const named = all.map(({ type, resource: { name } }) => ({ type, name }));
    for (const { type, name } of this.namesOf(host))
      if (!named.some((each) => each.type === type && each.name === name)) this.#push(type, name, undefined);
    for (const { type, resource } of all) this.#push(type, resource.name, resource);
    keep(this.#named, host, named);
  }

  #push(type: TypeUrl, name: string, resource: Resource | undefined): void {
    this.#changes.push({ type, name, resource });
  }
}

function keep<T>(map: Map<MeshHost, readonly T[]>, host: MeshHost, list: readonly T[]): void {
  if (list.length === 0) map.delete(host);
  else map.set(host, list);
}

const NOTHING: ServiceEntryResources = { resources: [], diagnostics: [] };
