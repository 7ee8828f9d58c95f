import { hash } from 'node:crypto';
import type { Diagnostic, Scope, ServiceKey } from '@isthmus/model';
import { serviceId } from '@isthmus/model';
import {
  buildEndpoint,
  buildRecord,
  concerns,
  dubboServiceName,
  instanceOfProvider,
  meshHostName,
  overridden,
  overrideOf,
  parseDubboUrl,
  printable,
  scopeDiagnostic,
} from '@isthmus/registry';
import type { BuiltEndpoint, DubboOverride, DubboService, DubboUrl, ServiceRead } from '@isthmus/registry';

/** What Dubbo and Higress call a service without version. */
const NO_VERSION = '0.0.0';

/** What the name of one node below `providers` says; read once, however often its neighbours change. */
export type Provider =
  | {
      readonly kind: 'provider';
      readonly text: string;
      readonly service: DubboService;
      readonly url: DubboUrl;
      readonly built: BuiltEndpoint;
    }
  /** Dubbo's own mark for "no provider". */
  | { readonly kind: 'empty' }
  | { readonly kind: 'unreadable'; readonly what: string };

export interface ProvidersResult {
  /** By the name of their key, `providers:com.acme.Greeter:1.0.0:g1`. */
  readonly services: ReadonlyMap<string, ServiceRead | { readonly rejected: Diagnostic }>;
  /** About nodes that are no provider URL: they cannot be told to belong to one of the services. */
  readonly diagnostic: Diagnostic | undefined;
}

/** `providers-com.acme.greeter-1.0.0-g1.zookeeper`: what Higress gives (`providers:com.acme.Greeter:1.0.0:g1.zookeeper`), as a DNS name. */
export function hostOfService({ interfaceName, version, group }: DubboService) {
  return meshHostName([dubboServiceName({ interfaceName, version: version === '' ? NO_VERSION : version, group })], 'zookeeper');
}

export function readProvider(scope: Scope, interfaceName: string, text: string): Provider {
  const parsed = parseDubboUrl(text);
  if ('problem' in parsed) return { kind: 'unreadable', what: `${printable(text)}: ${parsed.problem}` };
  const { url } = parsed;
  if (url.protocol === 'empty') return { kind: 'empty' };
  const { version = '', group = '' } = url.parameters;
  const service = { interfaceName, version, group };
  const built = buildEndpoint(instanceOfProvider(url), serviceId({ ...scope, name: dubboServiceName(service) }));
  return { kind: 'provider', text, service, url, built };
}

/**
 * Dubbo 2, and Dubbo 3 at interface level: the names below `/dubbo/<interface>/providers` and `/configurators`.
 * One interface may have several versions and groups; each is a service.
 */
export function providersOf(
  scope: Scope,
  interfaceName: string,
  providers: Iterable<Provider>,
  configurators: readonly string[],
): ProvidersResult {
  const bad: string[] = [];
  const overrides = configurators.toSorted().flatMap((text) => readOverride(text));
  const byName = new Map<string, (Provider & { readonly kind: 'provider' })[]>();
  for (const provider of providers) {
    if (provider.kind === 'unreadable') bad.push(provider.what);
    if (provider.kind !== 'provider') continue;
    const name = dubboServiceName(provider.service);
    const known = byName.get(name);
    if (known === undefined) byName.set(name, [provider]);
    else known.push(provider);
  }
  const services = new Map<string, ServiceRead | { readonly rejected: Diagnostic }>();
  for (const [name, list] of byName) services.set(name, readOf({ ...scope, name }, list, overrides));
  return { services, diagnostic: bad.length === 0 ? undefined : notReadable(scope, interfaceName, bad.sort()) };
}

function readOf(
  key: ServiceKey,
  listed: readonly (Provider & { readonly kind: 'provider' })[],
  overrides: readonly DubboOverride[],
): ServiceRead | { readonly rejected: Diagnostic } {
  // In an order of our own: of two that share an address and an id the first counts.
  const providers = listed.toSorted((a, b) => (a.text < b.text ? -1 : 1));
  const { service } = providers[0] as Provider & { readonly kind: 'provider' };
  const concerned = overrides.filter((override) => concerns(override, service));
  const diagnostics: Diagnostic[] = [];
  const instances = providers.map(({ url, built }) => {
    if (concerned.length === 0) return built;
    const changed = overridden(url, concerned);
    if (changed === url) return built;
    diagnostics.push(overrideNote(key, url, changed));
    return instanceOfProvider(changed);
  });
  const result = buildRecord(key, hostOfService(service), instances, { diagnostics });
  if ('rejected' in result) return result;
  // The record is made of these alone, and they are shorter than it.
  const texts = providers.map(({ text }) => text);
  const content = hash('sha1', `${texts.join(' ')} ${JSON.stringify(concerned)}`, 'base64');
  return { id: serviceId(key), record: result.record, hash: content, persistent: false };
}

/** An override that cannot be read changes nothing. */
function readOverride(text: string): readonly DubboOverride[] {
  const parsed = parseDubboUrl(text);
  const override = 'url' in parsed ? overrideOf(parsed.url) : undefined;
  return override === undefined ? [] : [override];
}

function overrideNote(key: ServiceKey, before: DubboUrl, after: DubboUrl): Diagnostic {
  const said = ['weight', 'disabled']
    .filter((name) => before.parameters[name] !== after.parameters[name])
    .map((name) => `${name}=${printable(after.parameters[name] ?? '')}`);
  return {
    code: 'instance.overridden',
    severity: 'info',
    where: `${serviceId(key)} ${printable(before.host)}:${printable(before.port ?? '')}`,
    what: `a configurator (override://) says ${said.length === 0 ? 'what the instance says itself' : said.join(', ')}`,
    meaning: 'that counts instead of what the instance registered',
    remedy: 'change or remove the configurator, for example in Dubbo Admin',
  };
}

function notReadable(scope: Scope, interfaceName: string, bad: readonly string[]): Diagnostic {
  const shown = bad.slice(0, 3).join('; ');
  const more = bad.length > 3 ? ` and ${bad.length - 3} more` : '';
  return scopeDiagnostic(
    serviceId({ ...scope, name: interfaceName }),
    'answer.invalid',
    `${bad.length === 1 ? 'a provider is' : `${bad.length} providers are`} no Dubbo URL: ${shown}${more}`,
    'those instances are left out',
    'look at who writes below the providers node of this interface',
  );
}
