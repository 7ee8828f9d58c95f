/** What identifies a service of Dubbo at interface level: one interface may have several versions and groups, which are different services. */
export interface DubboService {
  readonly interfaceName: string;
  /** `''`: none. */
  readonly version: string;
  readonly group: string;
}

const CATEGORIES = ['providers', 'consumers', 'routers', 'configurators'] as const;
export type DubboCategory = (typeof CATEGORIES)[number];

/** `providers:com.acme.Greeter:1.0.0:g1`: the name that Dubbo gives it in Nacos, and that we use as its key in ZooKeeper too. */
export function dubboServiceName({ interfaceName, version, group }: DubboService): string {
  return `providers:${interfaceName}:${version}:${group}`;
}

/**
 * Which of Dubbo's lists a service name of Nacos is; undefined when it is no name of Dubbo's. `consumers:`, `routers:` and
 * `configurators:` look like services there and are none: nobody can be called at them.
 */
export function dubboCategory(name: string): DubboCategory | undefined {
  const colon = name.indexOf(':');
  return colon < 0
    ? undefined
    : CATEGORIES.find((category) => category === name.slice(0, colon) && name.includes(':', colon + 1));
}
