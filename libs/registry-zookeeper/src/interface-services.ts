import { hash } from 'node:crypto';
import { endpointKey, serviceId } from '@isthmus/model';
import type { Diagnostic, Endpoint, Scope } from '@isthmus/model';
import { dubboServiceName } from '@isthmus/registry';
import type { DubboService, ServiceRead } from '@isthmus/registry';
import { hostOfService } from './normalize-providers.ts';
import { unionOf } from './normalize-mapping.ts';
import type { SessionSink } from './session-sink.ts';

interface Parts {
  registered: ServiceRead | undefined;
  service: DubboService | undefined;
  applications: readonly ServiceRead[];
}

/**
 * Services of an interface with its version and group: what is registered by interface, and the applications that provide it. A provider
 * that registers both ways is one endpoint, with what it says of itself by interface (its weight is only there).
 */
export class InterfaceServices {
  readonly #scope: Scope;
  readonly #sink: SessionSink;
  readonly #parts = new Map<string, Parts>();

  constructor(scope: Scope, sink: SessionSink) {
    this.#scope = scope;
    this.#sink = sink;
  }

  /** What is registered by interface; undefined: nothing more. */
  setRegistered(name: string, registered: ServiceRead | undefined): void {
    const parts = this.#partsOf(name);
    parts.registered = registered;
    this.#say(name, parts);
  }

  /** No host can be made of the name. */
  reject(name: string, diagnostic: Diagnostic): void {
    this.#parts.delete(name);
    this.#sink.reject(name, diagnostic);
  }

  /** The living applications that provide the service; none: it is only what is registered by interface. */
  setApplications(service: DubboService, applications: readonly ServiceRead[]): void {
    const name = dubboServiceName(service);
    const before = this.#parts.get(name);
    if (before === undefined && applications.length === 0) return;
    const parts = this.#partsOf(name);
    if (sameReads(parts.applications, applications)) return;
    parts.service = service;
    parts.applications = applications;
    this.#say(name, parts);
  }

  #partsOf(name: string): Parts {
    let parts = this.#parts.get(name);
    if (parts === undefined) this.#parts.set(name, (parts = { registered: undefined, service: undefined, applications: [] }));
    return parts;
  }

  #say(name: string, parts: Parts): void {
    const { registered, service, applications } = parts;
    if (applications.length === 0 || service === undefined) {
      if (registered === undefined) {
        this.#parts.delete(name);
        this.#sink.remove(name);
      } else this.#sink.read(name, registered);
      return;
    }
    const key = { ...this.#scope, name };
    const host = registered?.record.host ?? hostOfService(service);
    if (host === undefined) return; // its application is rejected with the reason as well
    const listed = new Set((registered?.record.endpoints ?? []).map(endpointKey));
    const all = unionOf(applications);
    const more = listed.size === 0 ? all : all.filter((endpoint) => !listed.has(endpointKey(endpoint)));
    if (registered !== undefined && more.length === 0) return this.#sink.read(name, registered);
    const endpoints = listed.size === 0 ? more : sorted([...(registered?.record.endpoints ?? []), ...more]);
    const record = { key, host, endpoints, diagnostics: registered?.record.diagnostics ?? [] };
    const content = hash('sha1', `${registered?.hash ?? ''} ${hashOf(more)}`, 'base64');
    this.#sink.read(name, { id: serviceId(key), record, hash: content, persistent: false });
  }
}

/** An application with hundreds of interfaces has one list for all of them. */
const hashes = new WeakMap<readonly Endpoint[], string>();

function hashOf(endpoints: readonly Endpoint[]): string {
  let known = hashes.get(endpoints);
  if (known === undefined) hashes.set(endpoints, (known = hash('sha1', JSON.stringify(endpoints), 'base64')));
  return known;
}

function sorted(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints
    .map((endpoint) => [endpointKey(endpoint), endpoint] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, endpoint]) => endpoint);
}

function sameReads(a: readonly ServiceRead[], b: readonly ServiceRead[]): boolean {
  return a.length === b.length && a.every((read, n) => read.hash === b[n]?.hash);
}
