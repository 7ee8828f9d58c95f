import { eachLimited } from '@isthmus/registry';
import type { FakeInstance } from './fake-store.ts';
import { NacosProvider } from './provider.ts';
import type { ProviderOptions } from './provider.ts';

export interface LoadOptions extends ProviderOptions {
  /** Services are named `<prefix>-<n>`, from 0. Default `load`. */
  readonly prefix?: string;
  readonly services: number;
  readonly instances: number;
  /** Default `DEFAULT_GROUP`. */
  readonly group?: string;
  /** Default 4. */
  readonly connections?: number;
}

export interface NacosLoad {
  /** Changes one instance of `<prefix>-<service>` (its weight, metadata, health, …) and resolves when Nacos has taken it. */
  change(service: number, instance: number, change: Partial<FakeInstance>): Promise<void>;
  /** Deregisters one instance; the others keep their numbers. */
  remove(service: number, instance: number): Promise<void>;
  /** Registers it again as it was at first. */
  restore(service: number, instance: number): Promise<void>;
  /** The address of an instance, as the load registered it. */
  addressOf(service: number, instance: number): { readonly ip: string; readonly port: number };
  /** Closes the connections; all instances go. */
  close(): void;
}

/** Registers many ephemeral instances, one request a service; about 3,000 services a second on two cores. */
export async function loadNacos(options: LoadOptions): Promise<NacosLoad> {
  const { prefix = 'load', services, instances, group = 'DEFAULT_GROUP', connections = 4 } = options;
  const providers = Array.from({ length: Math.max(1, Math.min(connections, services)) }, () => new NacosProvider(options));
  const changes = new Map<string, Partial<FakeInstance> | 'removed'>();
  const provide = async (service: number) => {
    const list = Array.from({ length: instances }, (_, n) => n).flatMap((n): FakeInstance[] => {
      const change = changes.get(`${service} ${n}`);
      return change === 'removed' ? [] : [{ ...addressOf(service, n), metadata: { version: `v${n % 2}` }, ...change }];
    });
    await providers[service % providers.length]?.provide({ group, name: `${prefix}-${service}`, instances: list });
  };
  const close = () => {
    for (const provider of providers) provider.close();
  };
  try {
    await Promise.all(providers.map((provider) => provider.connect()));
    await eachLimited(
      Array.from({ length: services }, (_, n) => n),
      64,
      provide,
    );
  } catch (thrown) {
    close();
    throw thrown;
  }
  return {
    change: (service, instance, change) => {
      changes.set(`${service} ${instance}`, change);
      return provide(service);
    },
    remove: (service, instance) => {
      changes.set(`${service} ${instance}`, 'removed');
      return provide(service);
    },
    restore: (service, instance) => {
      changes.delete(`${service} ${instance}`);
      return provide(service);
    },
    addressOf,
    close,
  };
}

/** 16 million distinct addresses of 10.0.0.0/8, then other ports. */
function addressOf(service: number, instance: number): { readonly ip: string; readonly port: number } {
  const n = service * 256 + instance;
  return { ip: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, port: 8_080 + Math.floor(n / 2 ** 24) };
}
