import { isIP } from 'node:net';
import { isRecord, show } from './finding.ts';
import type { Reader } from './finding.ts';

export type PathType = 'Exact' | 'Prefix' | 'ImplementationSpecific';

/** What Istio has a counterpart for. */
export interface Ingress {
  readonly name: string;
  readonly namespace: string;
  /** Milliseconds since the epoch; 0 where the file does not say. */
  readonly createdAt: number;
  /** `index`: the place in `spec.tls`, which is in the server's name. */
  readonly tls: readonly { readonly index: number; readonly hosts: readonly string[]; readonly secretName: string }[];
  readonly rules: readonly IngressRule[];
}

export interface IngressRule {
  /** `*` where the rule has none. */
  readonly host: string;
  readonly paths: readonly IngressPath[];
}

export interface IngressPath {
  readonly path: string;
  readonly type: PathType;
  readonly service: string;
  readonly port: number;
}

/** The number of a Service's port by `namespace/service` and the port's name; undefined: the file does not have it. */
export type PortNumber = (service: string, port: string) => number | undefined;

const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

/** An Ingress of `networking.k8s.io/v1`, checked as kube-apiserver checks it (pkg/apis/networking/validation). */
export function readIngress(object: Reader, defaultNamespace: string, portNumber: PortNumber): Ingress {
  const metadata = object.at('metadata');
  const name = metadata.at('name').text();
  if (!SUBDOMAIN.test(name))
    metadata.at('name').refuse(`is ${show(name)}`, 'use lower-case letters, digits, dashes and dots, 253 characters at most');
  const namespace = metadata.at('namespace').isThere() ? metadata.at('namespace').text() : defaultNamespace;
  if (!LABEL.test(namespace))
    metadata.at('namespace').refuse(`is ${show(namespace)}`, 'use lower-case letters, digits and dashes, 63 characters at most');
  warnOfAnnotations(metadata.at('annotations'));

  const spec = object.at('spec');
  const rules = spec.at('rules').items();
  const fallback = spec.at('defaultBackend');
  if (fallback.isThere())
    fallback.warn(
      'is left out',
      "istiod's ingress controller passes over it too: a VirtualService for every host would stand in the way of others",
      'write a VirtualService with hosts ["*"] for it',
    );
  else if (rules.length === 0) spec.refuse('has neither rules nor a defaultBackend', 'give it rules');
  return {
    name,
    namespace,
    createdAt: createdAt(metadata.at('creationTimestamp').value),
    tls: spec.at('tls').items().flatMap(readTls),
    rules: rules.flatMap((rule) => readRule(rule, (service, port) => portNumber(`${namespace}/${service}`, port))),
  };
}

/** What `kubectl` and Helm write, and the class: converted whatever it is, since that is what was asked for. */
const HARMLESS = /^(?:kubectl\.kubernetes\.io|meta\.helm\.sh|argocd\.argoproj\.io)\/|^kubernetes\.io\/ingress\.class$/;

function warnOfAnnotations(annotations: Reader): void {
  if (!isRecord(annotations.value)) return;
  for (const key of Object.keys(annotations.value))
    if (!HARMLESS.test(key))
      annotations
        .at(key)
        .warn(
          'is not translated',
          'annotations belong to one ingress controller, and Istio’s reads none but the class',
          'write what it did into the VirtualService or a DestinationRule (rewrite, redirect, timeout, retries, corsPolicy)',
        );
}

function readTls(tls: Reader, index: number): Ingress['tls'] {
  const secret = tls.at('secretName');
  const secretName = secret.text();
  const hosts = tls.at('hosts').items().map(readHost);
  if (secretName === '') {
    tls.warn(
      'names no secretName and is left out',
      "istiod's ingress controller passes over it too: it has no certificate of its own to show",
      'name the Secret with the certificate',
    );
    return [];
  }
  if (!SUBDOMAIN.test(secretName)) secret.refuse(`is ${show(secretName)}`, 'use the name of a Secret');
  secret.warn(
    'becomes credentialName, which this bridge does not serve yet',
    'a Gateway of a mesh with istiod has the certificate; one that Isthmus feeds has not',
    'for Isthmus, use serverCertificate and privateKey with files on the edge’s machine',
  );
  return [{ index, hosts: hosts.length === 0 ? ['*'] : hosts, secretName }];
}

function readHost(host: Reader): string {
  const text = host.text();
  const name = text.startsWith('*.') ? text.slice(2) : text;
  if (isIP(text) !== 0) host.refuse(`is the address ${text}`, 'use a name of DNS, or leave it out for every host');
  else if (!SUBDOMAIN.test(name))
    host.refuse(
      `is ${show(text)}`,
      'use a name of DNS in lower case, whose first label may be *, or leave it out for every host',
    );
  return text;
}

function readRule(rule: Reader, portNumber: PortNumber): readonly IngressRule[] {
  const host = rule.at('host');
  const name = host.isThere() && host.value !== '' ? readHost(host) : '*';
  const http = rule.at('http');
  if (!http.isThere()) {
    rule.warn(
      'has no http and is left out',
      'without paths it means the default backend, which Istio’s ingress controller does not have',
      'give it paths',
    );
    return [];
  }
  const paths = http.at('paths').items();
  if (paths.length === 0) http.at('paths').refuse('is empty', 'give it at least one path');
  return [{ host: name, paths: paths.flatMap((path) => readPath(path, portNumber)) }];
}

/** Path elements that a proxy might normalise away, so that Kubernetes takes none of them. */
const ODD_PATH = /\/\/|\/\.\/|\/\.\.\/|%2f|\/\.{1,2}$/i;

function readPath(path: Reader, portNumber: PortNumber): readonly IngressPath[] {
  const text = path.at('path').text();
  const type = pathType(path.at('pathType'));
  const isLiteral = type !== 'ImplementationSpecific';
  if ((isLiteral || text !== '') && !text.startsWith('/') && !ANY_PATH.includes(text))
    path.at('path').refuse(`is ${show(text)}`, 'begin it with /');
  else if (isLiteral && ODD_PATH.test(text))
    path.at('path').refuse(`is ${show(text)}`, 'use a path without //, /./, /../ and %2F');
  const backend = readBackend(path.at('backend'), portNumber);
  return backend === undefined ? [] : [{ path: text, type, ...backend }];
}

/** Of ImplementationSpecific paths; istiod takes each for every path. */
export const ANY_PATH: readonly string[] = ['', '*', '/*', '.*'];

function pathType(type: Reader): PathType {
  const { value } = type;
  if (value === 'Exact' || value === 'Prefix' || value === 'ImplementationSpecific') return value;
  const types = 'use Exact, Prefix or ImplementationSpecific';
  if (type.isThere()) type.refuse(`is ${show(value)}`, types);
  else type.warn('is not there and counts as ImplementationSpecific', 'Kubernetes asks for it', types);
  return 'ImplementationSpecific';
}

function readBackend(backend: Reader, portNumber: PortNumber): { service: string; port: number } | undefined {
  const service = backend.at('service');
  const resource = backend.at('resource');
  if (service.isThere() && resource.isThere()) {
    resource.refuse('excludes service, which is set too', 'keep one of the two');
    return undefined;
  }
  if (resource.isThere()) {
    resource.warn(
      'is left out, with its path',
      'Istio sends requests to services, and its ingress controller passes over the path too',
      'point the path to a Service',
    );
    return undefined;
  }
  if (!service.isThere()) {
    backend.refuse('names no service', 'write service: {name: orders, port: {number: 80}}');
    return undefined;
  }
  const name = service.at('name').text();
  if (!LABEL.test(name)) service.at('name').refuse(`is ${show(name)}`, 'use the name of a Service');
  const port = readPort(service.at('port'), (portName) => portNumber(name, portName), name);
  return port === undefined ? undefined : { service: name, port };
}

function readPort(port: Reader, portNumber: (name: string) => number | undefined, service: string): number | undefined {
  const number = port.at('number');
  const name = port.at('name');
  if (number.isThere() === name.isThere()) {
    port.refuse(number.isThere() ? 'has a number and a name' : 'has neither number nor name', 'give it one of the two');
    return undefined;
  }
  if (number.isThere()) {
    const { value } = number;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
    number.refuse(`is ${show(value)}`, 'use a port between 1 and 65535');
    return undefined;
  }
  const found = portNumber(name.text());
  if (found === undefined)
    name.refuse(
      `is ${show(name.value)}, and the file has no Service ${service} with such a port`,
      'put the Service into the file too (kubectl get ingress,service -o yaml), or write the number',
      'a VirtualService names ports by number',
    );
  return found;
}

/** What is written by hand has none and counts as the oldest. */
function createdAt(value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
