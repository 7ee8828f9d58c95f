import { z } from 'zod';
import { parseMeshHost, parseSourceId, serviceId } from '@isthmus/model';
import type { Scope, ServiceId, ServiceKey, ServiceRecord } from '@isthmus/model';
import { EventChannel, buildRecord } from '@isthmus/registry';
import type { RegistryKind } from '@isthmus/registry';

/** A registry in this process that says what it is told to: where the question is the bridge and not a registry. */
export class ScriptedRegistry {
  readonly kind: RegistryKind;
  readonly entry = { name: 'scripted', kind: 'scripted' };
  readonly #channel = new EventChannel();
  readonly #services: number;
  readonly #instances: number;

  constructor(services: number, instances: number) {
    this.#services = services;
    this.#instances = instances;
    this.kind = {
      kind: 'scripted',
      schema: z.strictObject({ name: z.string(), kind: z.literal('scripted') }),
      createSource: (id) => ({ id, watch: (signal) => this.#channel.read(signal) }),
      doctor: () => Promise.resolve([]),
    };
  }

  /** A complete read of all services. */
  sayAll(): void {
    const services = new Map<ServiceId, ServiceRecord>();
    for (let n = 0; n < this.#services; n += 1) {
      const record = this.#record(n, 1);
      services.set(serviceId(record.key), record);
    }
    this.#channel.push({ kind: 'snapshot', scope: SCOPE, services });
    this.#channel.push({ kind: 'status', scope: SCOPE, status: { state: 'live' } });
  }

  /** One instance of one service has another weight. */
  change(service: number, weight: number): void {
    this.#channel.push({ kind: 'upsert', service: this.#record(service, weight) });
  }

  cluster(service: number): string {
    return `outbound|80||load-${service}.scripted`;
  }

  #record(service: number, weight: number): ServiceRecord {
    const key: ServiceKey = { ...SCOPE, name: `load-${service}` };
    const instances = Array.from({ length: this.#instances }, (_, n) => {
      const at = service * this.#instances + n;
      return {
        instanceId: `load-${service}-${n}`,
        address: `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`,
        port: 8_080,
        weight: n === 0 ? weight : 1,
        health: 'healthy' as const,
        metadata: { version: 'v1', zone: `az-${n % 3}` },
      };
    });
    const result = buildRecord(key, parseMeshHost(`load-${service}.scripted`), instances);
    if ('rejected' in result) throw new Error(result.rejected.what);
    return result.record;
  }
}

const SCOPE: Scope = { source: parseSourceId('scripted'), namespace: '', group: '' };
