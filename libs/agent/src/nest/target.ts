/** The keys of Nest's own decorators, the same from Nest 5 to 12: nothing of Nest is imported, so any of its versions will do. */
const PARAMETERS = 'self:paramtypes';
const PROPERTIES = 'self:properties_metadata';

interface WithMetadata {
  getMetadata(key: string, on: object): unknown;
  defineMetadata(key: string, value: unknown, on: object): void;
}

interface ParameterDependency {
  readonly index: number;
  readonly param: string;
}

interface PropertyDependency {
  readonly key: string | symbol;
  readonly type: string;
}

/** Targets that some class asks for: `IsthmusModule` provides them. */
const asked = new Set<string>();

/** `host:port`. @throws {Error} for what is no host */
export function authorityOf(target: string): string {
  const [, host = '', port = '80'] = /^([a-z0-9][a-z0-9._-]{0,252})(?::(\d{1,5}))?$/i.exec(target) ?? [];
  if (host === '')
    throw new Error(`${target} is no target: give its mesh host, orders.default-group.public.nacos, with :PORT if it is not 80`);
  return `${host.toLowerCase()}:${port}`;
}

/** What a `TargetHandle` is provided as. @param target mesh host, with `:port` where it is not 80 */
export function targetToken(target: string): string {
  return `isthmus:${authorityOf(target)}`;
}

export function askedTargets(): readonly string[] {
  return [...asked];
}

/**
 * `constructor(@Target('orders.default-group.public.nacos') orders: TargetHandle)`, or on a property.
 * @param target mesh host, with `:port` where it is not 80
 */
export function Target(target: string): ParameterDecorator & PropertyDecorator {
  asked.add(authorityOf(target));
  const token = targetToken(target);
  return (on: object, key: string | symbol | undefined, index?: number): void => {
    const reflect = Reflect as unknown as WithMetadata;
    if (typeof index === 'number') {
      const before = (reflect.getMetadata(PARAMETERS, on) ?? []) as readonly ParameterDependency[];
      reflect.defineMetadata(PARAMETERS, [...before, { index, param: token }], on);
    } else if (key !== undefined) {
      const before = (reflect.getMetadata(PROPERTIES, on.constructor) ?? []) as readonly PropertyDependency[];
      const others = before.filter((one) => one.key !== key);
      reflect.defineMetadata(PROPERTIES, [...others, { key, type: token }], on.constructor);
    }
  };
}
