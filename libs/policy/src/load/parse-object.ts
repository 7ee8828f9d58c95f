import { createHash } from 'node:crypto';
import { fromJson, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, JsonObject } from '@bufbuild/protobuf';
import { messageOf } from '@isthmus/model';
import type { IstioKind, IstioObject, IstioSpecs } from '@isthmus/proto/istio';
import { crdIssues } from '../validate/crd-schema.ts';
import { validate } from '../validate/validate.ts';
import { fitMessage } from './fit.ts';
import { SCHEMAS } from './kinds.ts';
import type { Issue } from './problem.ts';

/** What stands around a spec. */
export interface ObjectHeader {
  readonly kind: IstioKind;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly place: string;
}

export interface ParsedObject {
  /** Undefined where an issue is an error. */
  readonly object: IstioObject | undefined;
  readonly issues: readonly Issue[];
}

/** A spec as plain data, from YAML or from Kubernetes, made Istio's message and checked as Istio checks it. Never throws. */
export function parseObject(header: ObjectHeader, spec: unknown): ParsedObject {
  const issues: Issue[] = [];
  const schema: DescMessage = SCHEMAS[header.kind];
  const fitted = fitMessage(schema, spec ?? {}, [], issues);
  if (fitted === undefined) return { object: undefined, issues };
  if (issues.length > 0) return { object: undefined, issues: [...issues, ...meantBeside(issues, header, schema, fitted)] };
  try {
    const message = fromJson(schema, fitted) as IstioSpecs[IstioKind];
    const object: IstioObject = { ...header, spec: message, version: versionOf(header, schema, message) };
    issues.push(...united(validate(object), crdIssues(header.kind, spec)));
    return { object: issues.some(({ severity }) => severity === 'error') ? undefined : object, issues };
  } catch (cause) {
    issues.push({ severity: 'error', path: [], what: `cannot be read: ${messageOf(cause)}`, remedy: 'correct the value' });
    return { object: undefined, issues };
  }
}

/**
 * What is wrong with the meaning of the parts that fit. Only errors that no misfit can have caused: within one route, server or subset
 * anything may be compared with anything; hosts, gateways and the like, at the top, are what everything else is compared with.
 */
function meantBeside(misfits: readonly Issue[], header: ObjectHeader, schema: DescMessage, fitted: JsonObject): readonly Issue[] {
  if (misfits.some(({ path }) => path.length <= 2)) return [];
  const spoilt = new Set(misfits.map(({ path }) => partOf(header.kind, path)));
  const isClear = ({ path, severity }: Issue): boolean =>
    severity === 'error' && path.length > 2 && !spoilt.has(partOf(header.kind, path));
  try {
    const spec = fromJson(schema, fitted) as IstioSpecs[IstioKind];
    return validate({ ...header, spec, version: '' }).filter(isClear);
  } catch {
    return []; // what cannot be read is said once the rest fits
  }
}

/** `http[0]`, `trafficPolicy`; the endpoints of a ServiceEntry name its ports. */
function partOf(kind: IstioKind, [field, index]: Issue['path']): string {
  if (kind === 'ServiceEntry') return 'all';
  return typeof index === 'number' ? `${field}[${index}]` : `${field}`;
}

function versionOf(header: ObjectHeader, schema: DescMessage, spec: IstioSpecs[IstioKind]): string {
  const { kind, namespace, name, labels, annotations, createdAt } = header;
  const hash = createHash('sha256').update(
    JSON.stringify([kind, namespace, name, sorted(labels), sorted(annotations), createdAt]),
  );
  return hash.update(toBinary(schema, spec)).digest('base64url').slice(0, 22);
}

function sorted(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Istio's validator and the CRDs often ask for the same: where the first speaks of a field, it explains more. */
function united(validator: readonly Issue[], crd: readonly Issue[]): readonly Issue[] {
  const wrong = new Set(validator.filter(({ severity }) => severity === 'error').map(({ path }) => JSON.stringify(path)));
  return [...validator, ...crd.filter(({ path }) => !wrong.has(JSON.stringify(path)))];
}
