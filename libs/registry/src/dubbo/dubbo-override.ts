import type { DubboService } from './dubbo-service.ts';
import type { DubboUrl } from './dubbo-url.ts';

/** An `override://` URL below `configurators`: what Dubbo Admin writes to change or disable providers while they run. */
export interface DubboOverride {
  /** `absent://`: only what the provider does not say itself. */
  readonly onlyAbsent: boolean;
  /** `0.0.0.0`: every provider. */
  readonly host: string;
  readonly port: string | undefined;
  readonly version: string;
  readonly group: string;
  /** Higher wins. */
  readonly priority: number;
  /** Undefined: providers of every application. */
  readonly application: string | undefined;
  readonly weight: string | undefined;
  readonly disabled: string | undefined;
}

const ANY_HOST = '0.0.0.0';

/** Undefined when it does not concern us: switched off, for consumers only, or neither a weight nor `disabled`. */
export function overrideOf(url: DubboUrl): DubboOverride | undefined {
  const { parameters: p } = url;
  if (url.protocol !== 'override' && url.protocol !== 'absent') return undefined;
  if (p['enabled'] === 'false' || p['side'] === 'consumer') return undefined;
  if (p['weight'] === undefined && p['disabled'] === undefined) return undefined;
  // An address without a port is a consumer's (AbstractConfigurator.configureDeprecated), except 0.0.0.0.
  if (url.host !== ANY_HOST && (url.port === undefined || url.port === '0') && p['configVersion'] === undefined) return undefined;
  const application = p['application'];
  return {
    onlyAbsent: url.protocol === 'absent',
    host: url.host,
    port: url.port === '0' ? undefined : url.port,
    version: p['version'] ?? '',
    group: p['group'] ?? '',
    priority: Number(p['priority'] ?? 0) || 0,
    application: application === undefined || application === '*' || application === '' ? undefined : application,
    weight: p['weight'],
    disabled: p['disabled'],
  };
}

/** Is it about this service? As in Dubbo a version or group that the override does not name is "none", and `*` is any. */
export function concerns(override: DubboOverride, service: DubboService): boolean {
  return matches(override.version, service.version) && matches(override.group, service.group);
}

/**
 * The provider with what the overrides change. The one for a host wins over the one for all, then the higher priority,
 * as in Dubbo (Configurator.compareTo); of equal ones the later in `overrides`.
 */
export function overridden(provider: DubboUrl, overrides: readonly DubboOverride[]): DubboUrl {
  let { parameters } = provider;
  const weakestFirst = overrides.toSorted(
    (a, b) => Number(a.host !== ANY_HOST) - Number(b.host !== ANY_HOST) || a.priority - b.priority,
  );
  for (const override of weakestFirst) {
    if (!isFor(override, provider)) continue;
    const { weight, disabled, onlyAbsent } = override;
    const said = { ...(weight === undefined ? {} : { weight }), ...(disabled === undefined ? {} : { disabled }) };
    parameters = onlyAbsent ? { ...said, ...parameters } : { ...parameters, ...said };
  }
  return parameters === provider.parameters ? provider : { ...provider, parameters };
}

function isFor(override: DubboOverride, provider: DubboUrl): boolean {
  if (override.host !== ANY_HOST && override.host !== provider.host) return false;
  if (override.port !== undefined && override.port !== provider.port) return false;
  return override.application === undefined || override.application === provider.parameters['application'];
}

function matches(pattern: string, value: string): boolean {
  return pattern === '*' || pattern === value;
}
