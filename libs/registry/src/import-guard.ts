import { setImmediate as nextTurn } from 'node:timers/promises';
import { serviceId } from '@isthmus/model';
import type { Diagnostic, DiagnosticCode, Endpoint, ServiceId, ServiceRecord, SourceEvent, SourceId } from '@isthmus/model';
import { foreignCopyOf, marksOf } from './marks.ts';
import type { ForeignCopy } from './marks.ts';
import type { RegistrySource } from './registry-source.ts';

export interface ImportRules {
  /** Our own id: what carries it in its path is our own publication that came back. */
  readonly meshId: string;
  /** Copies of other bridges to leave out. */
  readonly leaveOut: readonly ForeignCopy[];
}

/** Records looked at between two turns of the event loop. */
const STEP = 500;

/**
 * A source without what must not be imported, whatever the registry: nothing loops, also with two bridges and two
 * registries (architecture, rule 6). One place for all sources, after they have normalised and before the catalog.
 */
export function guardImports(source: RegistrySource, rules: ImportRules): RegistrySource {
  return {
    id: source.id satisfies SourceId,
    async *watch(signal) {
      for await (const event of source.watch(signal)) yield await guarded(event, rules);
    },
  };
}

async function guarded(event: SourceEvent, rules: ImportRules): Promise<SourceEvent> {
  if (event.kind === 'upsert') return { kind: 'upsert', service: importable(event.service, rules) };
  if (event.kind !== 'snapshot') return event;
  const services = new Map<ServiceId, ServiceRecord>();
  for (const [id, record] of event.services) {
    services.set(id, importable(record, rules));
    if (services.size % STEP === 0) await nextTurn();
  }
  return { ...event, services };
}

/** The record without instances that came from ourselves, or through more than one mesh; the same object if there are none. */
export function importable(record: ServiceRecord, rules: ImportRules): ServiceRecord {
  const diagnostics: Diagnostic[] = [];
  const endpoints = record.endpoints.filter((endpoint) => {
    const refused = refusal(endpoint, rules);
    if (refused !== undefined) diagnostics.push(diagnosticOf(record, endpoint, refused));
    return refused === undefined;
  });
  if (diagnostics.length === 0) return record;
  return { ...record, endpoints, diagnostics: [...record.diagnostics, ...diagnostics] };
}

interface Refused {
  readonly code: Extract<DiagnosticCode, `import.${string}`>;
  readonly what: string;
  readonly remedy: string;
}

function refusal(endpoint: Endpoint, { meshId, leaveOut }: ImportRules): Refused | undefined {
  const marks = marksOf(endpoint.metadata);
  if (marks?.path.includes(meshId) === true) {
    return {
      code: 'import.own',
      what: `it was published by this mesh (${meshId}) for ${marks.origin || 'an unknown service'}`,
      remedy: `nothing; if another mesh has the id ${meshId} too, give one of them another meshId`,
    };
  }
  if (marks !== undefined && marks.path.length > 1) {
    return {
      code: 'import.second-hop',
      what: `it came through the meshes ${marks.path.join(', ')}`,
      remedy: 'read it from the registry where it first appears: imports go one hop at most',
    };
  }
  const copy = leaveOut.length === 0 ? undefined : foreignCopyOf(endpoint);
  if (copy === undefined || !leaveOut.includes(copy)) return undefined;
  return { code: 'import.left-out', what: `${copy} copied it from elsewhere`, remedy: `remove ${copy} from imports.leaveOut` };
}

function diagnosticOf(record: ServiceRecord, endpoint: Endpoint, { code, what, remedy }: Refused): Diagnostic {
  const where = `${serviceId(record.key)} ${endpoint.instanceId}`;
  return { code, severity: 'info', where, what, meaning: 'the instance is not imported', remedy };
}
