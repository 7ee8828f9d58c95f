import { show } from '../load/fit.ts';
import { CRD_SCHEMAS } from './gen/crd-schemas.ts';
import type { IstioKind } from '@isthmus/proto/istio';
import type { Issue } from '../load/problem.ts';
import type { CrdSchema } from './crd-shape.ts';
import { crdRule } from './crd-rules.ts';
import { Spot } from './spot.ts';

/**
 * What kube-apiserver would refuse by the CRD and Istio's validator lets pass: limits, required fields, alternatives. What
 * works as a file works as an object in Kubernetes then.
 *
 * @param spec as written
 */
export function crdIssues(kind: IstioKind, spec: unknown): readonly Issue[] {
  const issues: Issue[] = [];
  check(CRD_SCHEMAS[kind], spec ?? {}, Spot.root(issues));
  return issues;
}

function check(schema: CrdSchema, value: unknown, at: Spot): void {
  if (value === null) {
    if (schema.nullable !== true && schema.type !== undefined) at.error('is empty', 'give it a value, or take it out');
    return;
  }
  if (!hasType(schema, value))
    return at.error(`is ${show(value)}`, `use ${TYPES[schema.type ?? ''] ?? 'a text or a whole number'}`);
  checkLimits(schema, value, at);
  if (Array.isArray(value)) {
    for (const [i, item] of (value as readonly unknown[]).entries())
      if (schema.items !== undefined) check(schema.items, item, at.at(i));
  } else if (isMap(value)) checkMap(schema, value, at);
  checkAlternatives(schema, value, at);
  for (const rule of schema.rules ?? []) {
    const broken = crdRule(rule)(value);
    if (broken !== undefined) at.error(broken.what, broken.remedy);
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys',
};

function hasType({ type, intOrString, format }: CrdSchema, value: unknown): boolean {
  if (intOrString === true) return typeof value === 'string' || Number.isInteger(value);
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return Number.isInteger(value) && (format !== 'int32' || Math.abs((value as number) + 0.5) < 2 ** 31);
    case 'number':
      return typeof value === 'number';
    case 'boolean':
      return typeof value === 'boolean';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isMap(value);
    default:
      return true;
  }
}

function checkLimits(schema: CrdSchema, value: unknown, at: Spot): void {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, maxProperties } = schema;
  if (schema.enum !== undefined && !schema.enum.includes(value))
    at.error(`is ${show(value)}, which is not allowed here`, `use one of ${schema.enum.map(String).join(', ')}`);
  if (schema.pattern !== undefined && typeof value === 'string' && !new RegExp(schema.pattern).test(value))
    at.error(`is ${show(value)}`, `use what matches ${schema.pattern}`);
  const size = sizeOf(value);
  const least = minimum ?? minLength ?? minItems;
  const most = maximum ?? maxLength ?? maxItems ?? maxProperties;
  if (least !== undefined && size !== undefined && size < least) at.error(`is ${show(value)}`, `use at least ${least}`);
  if (most !== undefined && size !== undefined && size > most)
    at.error(typeof value === 'string' ? `is ${size} characters long` : `is ${show(value)}`, `use at most ${most}`);
}

/** What a limit of its type counts. */
function sizeOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return Array.from(value).length;
  if (Array.isArray(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : undefined;
}

function checkMap(
  { properties, additionalProperties, required }: CrdSchema,
  value: Readonly<Record<string, unknown>>,
  at: Spot,
): void {
  for (const name of required ?? []) if (value[name] === undefined) at.error(`has no ${name}`, 'add it');
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const inner = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (inner !== undefined) check(inner, item, at.at(key));
    else if (properties !== undefined)
      at.at(key).error('is no field that Kubernetes knows', `use one of ${Object.keys(properties).join(', ')}`);
  }
}

function checkAlternatives(schema: CrdSchema, value: unknown, at: Spot): void {
  const { oneOf, anyOf, allOf, not } = schema;
  for (const inner of allOf ?? []) checkAlternatives(inner, value, at);
  if (oneOf !== undefined && oneOf.filter((inner) => matches(inner, value)).length !== 1) {
    const names = oneOf.flatMap((inner) => inner.required ?? []);
    at.error(`has not exactly one of ${names.join(', ')}`, 'set one of them');
  }
  if (anyOf !== undefined && !anyOf.some((inner) => matches(inner, value)))
    at.error(`is ${show(value)}, which fits none of its forms`, 'see Istio’s reference');
  if (not !== undefined && matches(not, value)) at.error(`is ${show(value)}, which has what excludes each other`, 'keep one');
}

/** Those of alternatives ask for the presence of fields only. */
function matches({ required, anyOf, oneOf, allOf, not, type }: CrdSchema, value: unknown): boolean {
  if (type !== undefined && !hasType({ type }, value)) return false;
  if (required !== undefined && isMap(value) && required.some((name) => value[name] === undefined)) return false;
  if (anyOf !== undefined && !anyOf.some((inner) => matches(inner, value))) return false;
  if (oneOf !== undefined && oneOf.filter((inner) => matches(inner, value)).length !== 1) return false;
  if (allOf !== undefined && !allOf.every((inner) => matches(inner, value))) return false;
  return not === undefined || !matches(not, value);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
