import type { DescField, DescMessage } from '@bufbuild/protobuf';
import {
  DestinationRuleSchema,
  GatewaySchema,
  ServiceEntrySchema,
  SidecarSchema,
  VirtualServiceSchema,
  WorkloadEntrySchema,
} from '@isthmus/proto/istio';
import { parseAllDocuments } from 'yaml';
import type { OracleCase } from './oracle-case.ts';

/** Kinds that become resources; a WorkloadGroup and a ProxyConfig do not. */
export const KINDS: Readonly<Record<string, DescMessage>> = {
  VirtualService: VirtualServiceSchema,
  DestinationRule: DestinationRuleSchema,
  Gateway: GatewaySchema,
  ServiceEntry: ServiceEntrySchema,
  WorkloadEntry: WorkloadEntrySchema,
  Sidecar: SidecarSchema,
};

/**
 * Every field that a kind's spec can have, as `http[].fault.delay.fixedDelay`: those of a message that stands in several places (a
 * policy of the host, of a port, of a subset) once, as `TrafficPolicy.tls.mode`.
 */
export function fieldsOf(root: DescMessage): readonly string[] {
  const found: string[] = [];
  const walked = new Set<string>();
  const walk = (message: DescMessage, prefix: string): void => {
    if (walked.has(message.typeName)) return;
    walked.add(message.typeName);
    for (const field of message.fields) {
      const inner = messageOf(field);
      if (inner === undefined || isPlain(inner)) found.push(`${prefix}${field.jsonName}`);
      else walk(inner, `${inner.name}.`);
    }
  };
  walk(root, '');
  return found.sort();
}

/** The cases whose objects of a kind have a field, as in `fieldsOf`: `KIND FIELD`. */
export function casesByField(cases: readonly OracleCase[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  for (const { name, yaml } of cases) {
    for (const document of parseAllDocuments(yaml)) {
      const { kind = '', spec } = (document.toJS() ?? {}) as { readonly kind?: string; readonly spec?: unknown };
      const root = KINDS[kind];
      if (root === undefined) continue;
      for (const field of usedFields(root, spec, '')) {
        const place = `${kind} ${field}`;
        found.set(place, (found.get(place) ?? new Set()).add(name));
      }
    }
  }
  return new Map([...found].map(([place, names]) => [place, [...names].sort()]));
}

function* usedFields(message: DescMessage, value: unknown, prefix: string): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inside] of Object.entries(value)) {
    const field = message.fields.find(({ jsonName, name }) => jsonName === key || name === key);
    if (field === undefined) continue;
    const inner = messageOf(field);
    if (inner === undefined || isPlain(inner)) yield `${prefix}${field.jsonName}`;
    else for (const one of valuesOf(field, inside)) yield* usedFields(inner, one, `${inner.name}.`);
  }
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.message;
}

/** A duration, a number that may be missing: one value. */
function isPlain({ typeName }: DescMessage): boolean {
  return typeName.startsWith('google.protobuf.');
}

function valuesOf({ fieldKind }: DescField, value: unknown): readonly unknown[] {
  if (fieldKind === 'list') return Array.isArray(value) ? value : [];
  if (fieldKind === 'map') return typeof value === 'object' && value !== null ? Object.values(value) : [];
  return [value];
}
