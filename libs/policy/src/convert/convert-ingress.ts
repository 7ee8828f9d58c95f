import { formatPath, parseYamlDocuments } from '@isthmus/config';
import type { ConfigPath, YamlFile } from '@isthmus/config';
import type { MeshObject } from '@isthmus/model';
import { MOST_FILE_BYTES, parseIstioYaml } from '../load/parse-istio-yaml.ts';
import { MOST_PROBLEMS } from '../load/problem.ts';
import type { Problem } from '../load/problem.ts';
import { Reader, isRecord } from './finding.ts';
import type { Finding } from './finding.ts';
import { gatewayName, ingressObjects, ownerOf } from './ingress-objects.ts';
import { readIngress } from './read-ingress.ts';
import type { Ingress, PortNumber } from './read-ingress.ts';

export interface ConvertOptions {
  /** Name in messages and places. */
  readonly file: string;
  /** Of Ingresses that name none. */
  readonly defaultNamespace: string;
  /** Of the cluster: `cluster.local`. */
  readonly domain: string;
}

export interface Converted {
  /** Gateways, then VirtualServices; none where a problem is an error. */
  readonly objects: readonly MeshObject[];
  /** By place. */
  readonly problems: readonly Problem[];
}

/**
 * The Ingresses of a YAML text as Istio's objects. Services beside them give the numbers of named ports; everything else in the
 * text is passed over. Never throws.
 */
export function convertIngress(bytes: Uint8Array, options: ConvertOptions): Converted {
  const { file, defaultNamespace, domain } = options;
  const parsed = parseYamlDocuments(file, bytes, MOST_FILE_BYTES);
  if ('problems' in parsed)
    return { objects: [], problems: parsed.problems.map((problem) => ({ ...problem, severity: 'error' })) };
  const written = parsed.documents.flatMap(objectsOf);
  const portNumber = portsOf(written, defaultNamespace);
  const ingresses = written.filter(({ value }) => value['kind'] === 'Ingress');
  if (ingresses.length === 0) {
    const what = 'has no Ingress';
    const why = 'there is nothing to convert';
    const remedy = 'name a file with `apiVersion: networking.k8s.io/v1` and `kind: Ingress`';
    return { objects: [], problems: [{ severity: 'error', file, line: 1, column: 1, what, why, remedy }] };
  }
  const read = ingresses.map((at) => readOne(at, defaultNamespace, portNumber));
  const problems = [...read.flatMap(({ problems: some }) => some), ...repeated(read)];
  if (hasError(problems)) return { objects: [], problems: ordered(problems) };
  const all = read.map(({ ingress }) => ingress);
  const objects = ingressObjects(all, domain);
  problems.push(...read.flatMap((one) => tlsElsewhere(one, all)), ...refused(objects, file));
  return { objects: hasError(problems) ? [] : objects, problems: ordered(problems) };
}

interface Written {
  readonly yaml: YamlFile;
  readonly path: ConfigPath;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A document, or the items of a list as `kubectl get -o yaml` writes it. */
function objectsOf(yaml: YamlFile): readonly Written[] {
  const { value } = yaml;
  if (!isRecord(value)) return [];
  if (typeof value['kind'] === 'string' && value['kind'].endsWith('List') && Array.isArray(value['items']))
    return value['items'].flatMap((item: unknown, i) => (isRecord(item) ? [{ yaml, path: ['items', i], value: item }] : []));
  return [{ yaml, path: [], value }];
}

function portsOf(written: readonly Written[], defaultNamespace: string): PortNumber {
  const ports = new Map<string, number>();
  for (const { value } of written) {
    if (value['kind'] !== 'Service' || value['apiVersion'] !== 'v1') continue;
    const service = new Reader(value, []);
    const metadata = service.at('metadata');
    const key = `${metadata.at('namespace').text() || defaultNamespace}/${metadata.at('name').text()}`;
    for (const port of service.at('spec').at('ports').items()) {
      const number = port.at('port').value;
      if (typeof number === 'number') ports.set(JSON.stringify([key, port.at('name').text()]), number);
    }
  }
  return (service, port) => ports.get(JSON.stringify([service, port]));
}

interface Read {
  readonly at: Written;
  readonly ingress: Ingress;
  readonly problems: readonly Problem[];
}

function readOne(at: Written, defaultNamespace: string, portNumber: PortNumber): Read {
  const findings: Finding[] = [];
  const object = new Reader(at.value, findings);
  const version = object.at('apiVersion');
  if (version.value !== 'networking.k8s.io/v1')
    version.refuse(
      `is ${JSON.stringify(version.value ?? '')}`,
      'use networking.k8s.io/v1 (kubectl convert writes it)',
      'older versions of Ingress name backends in another way, and Kubernetes has dropped them',
    );
  const ingress = readIngress(object, defaultNamespace, portNumber);
  return { at, ingress, problems: findings.map((finding) => problemAt(at, ingress, finding)) };
}

function problemAt({ yaml, path }: Written, { namespace, name }: Ingress, finding: Finding): Problem {
  const { severity, why, remedy } = finding;
  const object = `Ingress ${namespace}/${name}`;
  const what = `${object}: ${formatPath(finding.path)} ${finding.what}`;
  return { severity, file: yaml.file, ...yaml.valueAt([...path, ...finding.path]), what, why, remedy, object };
}

function repeated(read: readonly Read[]): readonly Problem[] {
  const seen = new Set<string>();
  return read.flatMap(({ at, ingress }) => {
    const key = `${ingress.namespace}/${ingress.name}`;
    if (!seen.has(key)) {
      seen.add(key);
      return [];
    }
    const what = 'is the name of another Ingress above';
    const why = 'of two with one name only one can be meant';
    return [problemAt(at, ingress, { severity: 'error', path: ['metadata', 'name'], what, why, remedy: 'keep one of the two' })];
  });
}

/** istiod binds a host's rules to one Gateway: the TLS that another Ingress has for the host finds no routes. */
function tlsElsewhere({ at, ingress }: Read, all: readonly Ingress[]): readonly Problem[] {
  const owners = ingress.rules.map(({ host }) => ({ host, owner: ownerOf(host, all) }));
  return owners.flatMap(({ host, owner }) => {
    const isForHost = ingress.tls.some(({ hosts }) => hosts.includes(host) || hosts.includes('*'));
    if (!isForHost || owner === undefined || owner === ingress) return [];
    const what = `is for ${host}, whose routes are bound to the Gateway of Ingress ${owner.namespace}/${owner.name}`;
    const why = 'as with istiod’s ingress controller, HTTPS with this certificate finds no routes';
    const remedy = `move the certificate there, or add istio-system/${gatewayName(ingress)} to the VirtualService’s gateways`;
    return [problemAt(at, ingress, { severity: 'warning', path: ['spec', 'tls'], what, why, remedy })];
  });
}

/** What Istio would refuse of what was made: names that grew too long. */
function refused(objects: readonly MeshObject[], file: string): readonly Problem[] {
  return objects.flatMap((object) =>
    parseIstioYaml(JSON.stringify(object), { file, defaultNamespace: object.metadata.namespace })
      .problems.filter(({ severity }) => severity === 'error')
      .map(({ what, remedy }): Problem => {
        const why = 'Istio would refuse the object that is made of the Ingress';
        return { severity: 'error', file, line: 1, column: 1, what, why, remedy };
      }),
  );
}

function hasError(problems: readonly Problem[]): boolean {
  return problems.some(({ severity }) => severity === 'error');
}

function ordered(problems: readonly Problem[]): readonly Problem[] {
  const errorsFirst = [...problems].sort((a, b) => a.severity.localeCompare(b.severity)).slice(0, MOST_PROBLEMS);
  return errorsFirst.sort((a, b) => a.line - b.line || a.column - b.column || (a.what < b.what ? -1 : 1));
}
