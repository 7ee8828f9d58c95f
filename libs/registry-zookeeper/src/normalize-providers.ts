import type { Diagnostic, Scope, ServiceKey } from '@isthmus/model';
import { serviceId } from '@isthmus/model';
import {
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
import type { DubboOverride, DubboService, DubboUrl, RawInstance, RecordResult } from '@isthmus/registry';

/** What Dubbo and Higress call a service without version. */
const NO_VERSION = '0.0.0';

export interface ProvidersResult {
  /** By the name of their key, `providers:com.acme.Greeter:1.0.0:g1`. */
  readonly services: ReadonlyMap<string, RecordResult>;
  /** Of nodes that are no provider URL: they cannot be told to belong to one of the services. */
  readonly diagnostics: readonly Diagnostic[];
}

/** `providers-com.acme.greeter-1.0.0-g1.zookeeper`: what Higress gives (`providers:com.acme.Greeter:1.0.0:g1.zookeeper`), as a DNS name. */
function hostOfService({ interfaceName, version, group }: DubboService) {
  return meshHostName([dubboServiceName({ interfaceName, version: version === '' ? NO_VERSION : version, group })], 'zookeeper');
}

/**
 * Dubbo 2, and Dubbo 3 at interface level: the names below `/dubbo/<interface>/providers` and `/configurators`.
 * One interface may have several versions and groups; each is a service.
 */
export function providersOf(
  scope: Scope,
  interfaceName: string,
  providers: readonly string[],
  configurators: readonly string[],
): ProvidersResult {
  const bad: string[] = [];
  const overrides = configurators.flatMap((text) => readOverride(text));
  const urls = new Map<string, { readonly service: DubboService; readonly list: DubboUrl[] }>();
  for (const text of providers.toSorted()) {
    const parsed = parseDubboUrl(text);
    if ('problem' in parsed) {
      bad.push(`${printable(text)}: ${parsed.problem}`);
      continue;
    }
    if (parsed.url.protocol === 'empty') continue; // Dubbo's own mark for "no provider"
    const { version = '', group = '' } = parsed.url.parameters;
    const service = { interfaceName, version, group };
    const name = dubboServiceName(service);
    const known = urls.get(name);
    if (known === undefined) urls.set(name, { service, list: [parsed.url] });
    else known.list.push(parsed.url);
  }
  const services = new Map<string, RecordResult>();
  for (const [name, { service, list }] of urls) services.set(name, recordOf({ ...scope, name }, service, list, overrides));
  return { services, diagnostics: bad.length === 0 ? [] : [notReadable(scope, interfaceName, bad)] };
}

function recordOf(
  key: ServiceKey,
  service: DubboService,
  urls: readonly DubboUrl[],
  overrides: readonly DubboOverride[],
): RecordResult {
  const concerned = overrides.filter((override) => concerns(override, service));
  const diagnostics: Diagnostic[] = [];
  const instances = urls.map((url): RawInstance => {
    if (concerned.length === 0) return instanceOfProvider(url);
    const changed = overridden(url, concerned);
    if (changed !== url) diagnostics.push(overrideNote(key, url, changed));
    return instanceOfProvider(changed);
  });
  return buildRecord(key, hostOfService(service), instances, { diagnostics });
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
