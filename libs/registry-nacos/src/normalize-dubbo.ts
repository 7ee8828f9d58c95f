import type { Diagnostic, Scope } from '@isthmus/model';
import { scopeId } from '@isthmus/model';
import {
  applicationEndpoints,
  dubboCategory,
  dubboMetadata,
  dubboWeight,
  isDubboDisabled,
  meshProtocol,
  scopeDiagnostic,
} from '@isthmus/registry';
import type { RawInstance } from '@isthmus/registry';

/** An instance of `providers:…`: Dubbo 2, or Dubbo 3 at interface level. */
export function dubboProvider(instance: RawInstance): RawInstance {
  const parameters = textsOf(instance.metadata);
  return {
    ...instance,
    ...dubboMetadata(parameters),
    weight: weightOf(instance, parameters),
    health: healthOf(instance, parameters),
    protocol: meshProtocol(parameters['protocol'] ?? 'dubbo'),
  };
}

/** An instance of a Dubbo 3 application: an endpoint for each of its protocols. */
export function dubboApplication(instance: RawInstance): readonly RawInstance[] {
  const parameters = textsOf(instance.metadata);
  const said = dubboMetadata(parameters);
  const endpoints = applicationEndpoints(parameters, instance.port);
  return endpoints.map(({ port, protocol }) => ({
    ...instance,
    ...said,
    metadata: { ...(said.metadata as object), protocol },
    instanceId: endpoints.length === 1 ? instance.instanceId : `${instance.instanceId} ${protocol}`,
    port,
    weight: weightOf(instance, parameters),
    health: healthOf(instance, parameters),
    protocol: meshProtocol(protocol),
  }));
}

/** False for `consumers:`, `routers:` and `configurators:`, which Dubbo keeps in Nacos as if they were services. */
export function isCallable(name: string): boolean {
  const category = dubboCategory(name);
  return category === undefined || category === 'providers';
}

/** Says how many names are no services; undefined when all are. */
export function notCallable(scope: Scope, names: readonly string[]): Diagnostic | undefined {
  const others = names.filter((name) => !isCallable(name)).length;
  if (others === 0) return undefined;
  return scopeDiagnostic(
    scopeId(scope),
    'service.not-callable',
    `${others} of ${names.length} names are lists of Dubbo’s (consumers:, routers:, configurators:), no services`,
    'they are left out',
    'nothing; to have them counted no more, exclude them under services',
    'info',
  );
}

/** Dubbo leaves Nacos's weight at 1, where an operator may change it: both count. */
function weightOf(instance: RawInstance, parameters: Readonly<Record<string, string>>): unknown {
  return typeof instance.weight === 'number' ? instance.weight * dubboWeight(parameters['weight']) : instance.weight;
}

function healthOf(instance: RawInstance, parameters: Readonly<Record<string, string>>): RawInstance['health'] {
  return instance.health === 'healthy' && isDubboDisabled(parameters) ? 'disabled' : instance.health;
}

function textsOf(metadata: unknown): Readonly<Record<string, string>> {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return {};
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')]),
  );
}
