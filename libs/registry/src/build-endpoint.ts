import { isIP } from 'node:net';
import { NOWHERE, PROTOCOLS } from '@isthmus/model';
import type { Diagnostic, DiagnosticCode, Endpoint, Health, Locality, Protocol, Severity } from '@isthmus/model';
import { meshProtocol } from './dubbo/dubbo-protocol.ts';
import { labelsFrom } from './labels.ts';

/** An instance as a registry's wire gave it, before anything is believed. */
export interface RawInstance {
  readonly instanceId: string;
  readonly address: unknown;
  readonly port: unknown;
  /** The registry's scale with 1 as normal. */
  readonly weight: unknown;
  readonly health: Health;
  readonly metadata: unknown;
  readonly cluster?: string;
  /** Metadata that is of no use as a label: kept for `explain` only. */
  readonly notLabels?: ReadonlySet<string>;
  /** Used where the metadata names none. */
  readonly locality?: Locality;
  /** `Endpoint.incarnation`, where the registry numbers registrations. */
  readonly incarnation?: number;
  /** What the registry itself says of the protocol (Eureka's secure port, a Consul tag); metadata wins. */
  readonly protocol?: string;
  /**
   * Set by sources whose services declare their ports (Kubernetes, file, MCP): the one it serves. `protocol` and
   * `locality` then win over what the metadata says.
   */
  readonly portName?: string;
  /** Istio network, default `''`. */
  readonly network?: string;
  /** SPIFFE identity or service account, default `''`. */
  readonly identity?: string;
}

/** Limits of what one instance may bring (ServiceEntry: 256 labels; Nacos refuses more than 1,024 characters itself). */
const MOST_METADATA_BYTES = 32 * 1024;
const MOST_WEIGHT = 10_000;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*$/;

export interface BuiltEndpoint {
  /** Undefined when the instance had to be left out. */
  readonly endpoint: Endpoint | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks one instance. One bad instance costs one instance (architecture, rule 5). */
export function buildEndpoint(raw: RawInstance, service: string): BuiltEndpoint {
  const diagnostics: Diagnostic[] = [];
  const where = `${service} ${printable(raw.instanceId)}`;
  const say = (severity: Severity, code: DiagnosticCode, what: string, meaning: string, remedy: string) => {
    diagnostics.push({ code, severity, where, what, meaning, remedy });
  };

  const address = checkAddress(raw.address);
  if (address === undefined) {
    say(
      'error',
      'address.invalid',
      `address ${printable(raw.address)} is neither an IP nor a DNS name that can be dialled`,
      'the instance is left out',
      'register the address that callers can reach',
    );
    return { endpoint: undefined, diagnostics };
  }
  const port =
    typeof raw.port === 'number' ? raw.port : Number(typeof raw.port === 'string' && raw.port !== '' ? raw.port : Number.NaN);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    say(
      'error',
      'port.invalid',
      `port ${printable(raw.port)} is not between 1 and 65535`,
      'the instance is left out',
      'register the port that the service listens on',
    );
    return { endpoint: undefined, diagnostics };
  }
  if (address.type === 'dns') {
    say(
      'info',
      'address.hostname',
      `address ${address.text} is a DNS name`,
      'Envoy resolves it itself and the service becomes a DNS service',
      'register IP addresses to have endpoints balanced one by one',
    );
  }

  let weight = typeof raw.weight === 'number' ? raw.weight : Number.NaN;
  if (Number.isNaN(weight) || weight < 0) {
    say(
      'error',
      'weight.invalid',
      `weight ${printable(raw.weight)} is not a number of at least 0`,
      'the instance gets no traffic',
      'set a weight between 0 and 10000 (1 is normal)',
    );
    weight = 0;
  } else if (weight > MOST_WEIGHT) {
    say(
      'warning',
      'weight.clamped',
      `weight ${weight} is above ${MOST_WEIGHT}`,
      `it counts as ${MOST_WEIGHT}`,
      'use weights in proportion to 1',
    );
    weight = MOST_WEIGHT;
  }

  const metadata = checkMetadata(raw.metadata, say);
  const { labels, changed } = labelsFrom(without(metadata, raw.notLabels));
  if (changed.length > 0) {
    say(
      'info',
      'label.changed',
      `metadata ${changed.slice(0, 5).map(printable).join(', ')}${changed.length > 5 ? ` and ${changed.length - 5} more` : ''} cannot be a label as it is`,
      'illegal characters were replaced or the label was dropped',
      'use letters, digits, - _ . in names and values, at most 63 characters',
    );
  }

  const isDeclared = raw.portName !== undefined;
  const named = (isDeclared ? raw.protocol : undefined) ?? metadata['protocol'] ?? raw.protocol;
  const protocol = protocolOf(named);
  if (protocol === undefined) {
    say(
      'warning',
      'port.unknown-protocol',
      `protocol ${printable(named)} is none that the mesh understands`,
      'the port is treated as TCP',
      `set metadata "protocol" to one of ${PROTOCOLS.join(', ')}`,
    );
  }

  return {
    endpoint: {
      instanceId: raw.instanceId,
      address: address.text,
      addressType: address.type,
      port,
      protocol: protocol ?? 'tcp',
      weight,
      health: raw.health,
      locality: (isDeclared ? raw.locality : undefined) ?? localityOf(metadata) ?? raw.locality ?? NOWHERE,
      labels,
      metadata,
      cluster: raw.cluster ?? '',
      network: raw.network ?? '',
      ...(raw.portName === undefined ? {} : { portName: raw.portName }),
      identity: raw.identity ?? '',
      ...(raw.incarnation === undefined ? {} : { incarnation: raw.incarnation }),
    },
    diagnostics,
  };
}

function checkAddress(value: unknown): { readonly text: string; readonly type: 'ip' | 'dns' } | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  const family = isIP(text);
  if (family === 4) return text === '0.0.0.0' || text === '255.255.255.255' ? undefined : { text, type: 'ip' };
  if (family === 6) {
    if (text.includes('%')) return undefined; // a zone index means something on one machine only
    const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
    return canonical === '::' ? undefined : { text: canonical, type: 'ip' };
  }
  // 10.0.0.256 and 1.2.3 are mistyped addresses, not names: a top-level domain is never numeric (RFC 3696, section 2).
  const last = text.split('.').at(-1) ?? '';
  return DNS_NAME.test(text) && !/^\d+$/.test(last) ? { text, type: 'dns' } : undefined;
}

type Say = (severity: Severity, code: DiagnosticCode, what: string, meaning: string, remedy: string) => void;

function checkMetadata(value: unknown, say: Say): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    say(
      'warning',
      'metadata.invalid',
      'metadata is no object',
      'the instance has no labels',
      'register metadata as names with text values',
    );
    return {};
  }
  const metadata: Record<string, string> = {};
  const dropped: string[] = [];
  let bytes = 0;
  for (const [key, entry] of Object.entries(value)) {
    const text = typeof entry === 'string' ? entry : JSON.stringify(entry);
    if (text === undefined) continue;
    bytes += key.length + text.length;
    if (CONTROL.test(key) || CONTROL.test(text) || text.includes('\ufffd')) dropped.push(key);
    else metadata[key] = text;
  }
  if (bytes > MOST_METADATA_BYTES) {
    say(
      'warning',
      'metadata.too-large',
      `metadata has ${bytes} characters, the most is ${MOST_METADATA_BYTES}`,
      'the instance keeps its address but has no labels',
      'keep large data out of instance metadata',
    );
    return {};
  }
  if (dropped.length > 0) {
    say(
      'warning',
      'metadata.invalid',
      `metadata ${dropped.slice(0, 5).map(printable).join(', ')} holds control characters or invalid UTF-8`,
      'those entries are left out',
      'register plain text',
    );
  }
  return metadata;
}

/** Istio rejects `dubbo` and `thrift`, which are TCP to a mesh; `tri` is gRPC. */
function protocolOf(name: string | undefined): Protocol | undefined {
  if (name === undefined || name === '') return 'http';
  const known = meshProtocol(name.toLowerCase());
  return PROTOCOLS.find((protocol) => protocol === known);
}

/** The same object when there is nothing to take out: it is then kept once in memory. */
function without(
  metadata: Readonly<Record<string, string>>,
  keys: ReadonlySet<string> | undefined,
): Readonly<Record<string, string>> {
  if (keys === undefined || !Object.keys(metadata).some((key) => keys.has(key))) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.has(key)));
}

/** Nacos's Istio module reads region/zone/subzone; Istio's label is `region/zone/subzone` with `.` allowed for `/`. */
function localityOf(metadata: Readonly<Record<string, string>>): Locality | undefined {
  const { region, zone, subzone } = metadata;
  if (region !== undefined || zone !== undefined) return { region: region ?? '', zone: zone ?? '', subzone: subzone ?? '' };
  const label = metadata['istio-locality'];
  if (label === undefined) return undefined;
  const [r = '', z = '', s = ''] = label.split(label.includes('/') ? '/' : '.');
  return { region: r, zone: z, subzone: s };
}

/** Text that is safe and short in a message. */
export function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  const escaped = JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return escaped.slice(1, -1);
}
