import type { LabPorts, PortName } from './lab-ports.ts';
import type { LabServiceName } from './services/settings.ts';

/** Which instance of which service, and what has to run before it can register. */
export interface InstancePlan {
  /** Unique: `orders-2`. */
  readonly name: string;
  readonly service: LabServiceName;
  readonly port: PortName;
  readonly version: string;
  readonly weight: number;
  readonly registry: 'nacos' | 'eureka' | 'consul' | 'nacos3' | 'none';
}

const plan = (
  service: LabServiceName,
  name: string,
  port: PortName,
  registry: InstancePlan['registry'],
  more: { readonly version?: string; readonly weight?: number } = {},
): InstancePlan => ({ name, service, port, registry, version: more.version ?? 'v1', weight: more.weight ?? 1 });

/** Weights 3, 2 and 1: shares that nobody takes for chance, and that both ways must show. */
export const instances: readonly InstancePlan[] = [
  plan('orders', 'orders-1', 'orders1', 'nacos', { weight: 3 }),
  plan('orders', 'orders-2', 'orders2', 'nacos', { weight: 2 }),
  plan('orders', 'orders-3', 'orders3', 'nacos', { version: 'v2', weight: 1 }),
  plan('payments', 'payments-1', 'payments1', 'eureka'),
  plan('payments', 'payments-2', 'payments2', 'eureka'),
  plan('inventory', 'inventory-1', 'inventory1', 'consul'),
  plan('inventory', 'inventory-2', 'inventory2', 'consul'),
  plan('reviews', 'reviews-1', 'reviews', 'nacos3'),
  plan('web', 'web-1', 'web', 'nacos'),
  plan('monolith', 'monolith-1', 'monolith', 'none'),
];

/** The share of a service's calls that each of its instances should get by weight, by `address:port`. */
export function expectedShares(
  service: LabServiceName,
  ports: LabPorts,
  gone: ReadonlySet<string> = new Set(),
): ReadonlyMap<string, number> {
  const present = instances.filter((instance) => instance.service === service && !gone.has(instance.name));
  const total = present.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(present.map(({ port, weight }) => [`127.0.0.1:${ports[port]}`, weight / total]));
}
