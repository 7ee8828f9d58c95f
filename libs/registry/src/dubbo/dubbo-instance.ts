import type { RawInstance } from '../build-endpoint.ts';
import { meshProtocol } from './dubbo-protocol.ts';
import type { DubboUrl } from './dubbo-url.ts';

/** Dubbo's normal weight, which is 1 in the mesh. */
const NORMAL_WEIGHT = 100;

/** Long lists that nobody selects by: `methods` may hold hundreds of names. */
const LEFT_OUT: ReadonlySet<string> = new Set(['methods']);

/** Kept for `explain`, but of no use as labels: JSON, lists, and what changes at each start. */
const NO_LABELS: ReadonlySet<string> = new Set([
  'dubbo.endpoints',
  'dubbo.metadata-service.url-params',
  'executor-management-mode',
  'prefer.serialization',
  'pid',
  'timestamp',
]);

/** 100 is normal and becomes 1; without one it is normal. NaN for text that is no number, which `buildRecord` reports. */
export function dubboWeight(text: string | undefined): number {
  if (text === undefined) return 1;
  return text.trim() === '' ? Number.NaN : Number(text) / NORMAL_WEIGHT;
}

/** Dubbo's own rule (RegistryDirectory): `disabled` decides where it is set, else `enabled`. */
export function isDubboDisabled(parameters: Readonly<Record<string, string>>): boolean {
  const { disabled, enabled } = parameters;
  return disabled !== undefined ? disabled === 'true' : enabled === 'false';
}

/** What becomes metadata, and which of it stays out of the labels. */
export function dubboMetadata(
  parameters: Readonly<Record<string, string>>,
): Pick<RawInstance, 'metadata'> & { readonly notLabels: ReadonlySet<string> } {
  const metadata: Record<string, string> = {};
  for (const key of Object.keys(parameters).sort()) {
    if (!LEFT_OUT.has(key)) metadata[key] = parameters[key] as string;
  }
  return { metadata, notLabels: NO_LABELS };
}

/** A provider's URL as an instance; `weight` and `disabled` come from its parameters or from what overrides them. */
export function instanceOfProvider(url: DubboUrl): RawInstance {
  return {
    instanceId: `${url.protocol}://${url.host}:${url.port ?? ''}`,
    address: url.host,
    port: url.port,
    weight: dubboWeight(url.parameters['weight']),
    health: isDubboDisabled(url.parameters) ? 'disabled' : 'healthy',
    ...dubboMetadata({ ...url.parameters, protocol: url.protocol }),
    protocol: meshProtocol(url.protocol),
  };
}
