import { ScalarType } from '@bufbuild/protobuf';
import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from '@bufbuild/protobuf';
import { suggest } from '@isthmus/config';
import type { ConfigPath } from '@isthmus/config';
import { durationJson } from './duration-json.ts';
import type { Issue } from './problem.ts';

/**
 * What a user wrote for a message, as protobuf's JSON mapping takes it: durations in seconds, without what does not fit.
 * Each misfit is an issue at its own path, all of them at once; the mapping itself would stop at the first and name no place.
 */
export function fitMessage(desc: DescMessage, value: unknown, path: ConfigPath, issues: Issue[]): JsonObject | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push(misfit(path, value, 'a map of keys'));
    return undefined;
  }
  const fitted: JsonObject = {};
  const inOneof = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    const field = fieldNamed(desc, key);
    if (field === undefined) {
      issues.push(unknownField(desc, [...path, key], key));
      continue;
    }
    if (item === null || item === undefined) continue;
    if (field.oneof !== undefined) {
      const other = inOneof.get(field.oneof.name);
      if (other !== undefined) {
        issues.push({
          severity: 'error',
          path: [...path, key],
          what: `excludes ${other}, which is set too`,
          remedy: 'keep one of the two',
        });
        continue;
      }
      inOneof.set(field.oneof.name, key);
    }
    const fit = fitField(field, item as unknown, [...path, key], issues);
    if (fit !== undefined) fitted[field.jsonName] = fit;
  }
  return fitted;
}

function fieldNamed(desc: DescMessage, key: string): DescField | undefined {
  return desc.fields.find((field) => field.jsonName === key || field.name === key);
}

function fitField(field: DescField, value: unknown, path: ConfigPath, issues: Issue[]): JsonValue | undefined {
  switch (field.fieldKind) {
    case 'message':
      return fitAny(field.message, value, path, issues);
    case 'enum':
      return fitEnum(field.enum, value, path, issues);
    case 'scalar':
      return fitScalar(field.scalar, value, path, issues);
    case 'list': {
      if (!Array.isArray(value)) {
        issues.push(misfit(path, value, 'a list'));
        return undefined;
      }
      return value.flatMap((item: unknown, i) => fitItem(field, item, [...path, i], issues) ?? []);
    }
    case 'map': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        issues.push(misfit(path, value, 'a map of keys'));
        return undefined;
      }
      const fitted: JsonObject = {};
      for (const [key, item] of Object.entries(value)) {
        const fit = fitItem(field, item as unknown, [...path, key], issues);
        if (fit !== undefined)
          Object.defineProperty(fitted, key, { value: fit, enumerable: true, writable: true, configurable: true });
      }
      return fitted;
    }
    default:
      return field satisfies never;
  }
}

function fitItem(
  field: DescField & { fieldKind: 'list' | 'map' },
  item: unknown,
  path: ConfigPath,
  issues: Issue[],
): JsonValue | undefined {
  if (field.message !== undefined) return fitAny(field.message, item, path, issues);
  if (field.enum !== undefined) return fitEnum(field.enum, item, path, issues);
  return fitScalar(field.scalar, item, path, issues);
}

/** Types of protobuf's own that Istio's API uses; each is one JSON value. */
const WRAPPED: Readonly<Record<string, ScalarType>> = {
  'google.protobuf.BoolValue': ScalarType.BOOL,
  'google.protobuf.Int32Value': ScalarType.INT32,
  'google.protobuf.UInt32Value': ScalarType.UINT32,
  'google.protobuf.Int64Value': ScalarType.INT64,
  'google.protobuf.UInt64Value': ScalarType.UINT64,
  'google.protobuf.FloatValue': ScalarType.FLOAT,
  'google.protobuf.DoubleValue': ScalarType.DOUBLE,
  'google.protobuf.StringValue': ScalarType.STRING,
};

function fitAny(desc: DescMessage, value: unknown, path: ConfigPath, issues: Issue[]): JsonValue | undefined {
  if (desc.typeName === 'google.protobuf.Duration') {
    const fitted = typeof value === 'string' ? durationJson(value) : undefined;
    if (fitted === undefined) issues.push(misfit(path, value, 'a time such as 5s, 100ms or 1h30m'));
    return fitted;
  }
  const wrapped = WRAPPED[desc.typeName];
  if (wrapped !== undefined) return fitScalar(wrapped, value, path, issues);
  return fitMessage(desc, value, path, issues);
}

function fitEnum(desc: DescEnum, value: unknown, path: ConfigPath, issues: Issue[]): JsonValue | undefined {
  if (typeof value === 'number' && desc.values.some((known) => known.number === value)) return value;
  const names = desc.values.map((known) => known.name);
  if (typeof value === 'string' && names.includes(value)) return value;
  const meant = typeof value === 'string' ? suggest(value, names) : undefined;
  const remedy = meant === undefined ? `use one of ${names.join(', ')}` : `did you mean ${meant}? (one of ${names.join(', ')})`;
  issues.push({ severity: 'error', path, what: `is ${show(value)}, which is not allowed here`, remedy });
  return undefined;
}

const WHOLE: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [-(2n ** 63n), 2n ** 63n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
};

function fitScalar(type: ScalarType, value: unknown, path: ConfigPath, issues: Issue[]): JsonValue | undefined {
  const range = WHOLE[type];
  if (range !== undefined) {
    const whole = wholeNumber(value);
    if (whole !== undefined && whole >= range[0] && whole <= range[1]) return value as JsonValue;
    issues.push(misfit(path, value, whole === undefined ? 'a whole number' : `between ${range[0]} and ${range[1]}`));
    return undefined;
  }
  if (type === ScalarType.BOOL) return typeof value === 'boolean' ? value : misfits(path, value, 'true or false', issues);
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return typeof number === 'number' && Number.isFinite(number) ? number : misfits(path, value, 'a number', issues);
  }
  if (typeof value === 'string') return value;
  const scalar = typeof value === 'number' || typeof value === 'boolean';
  return misfits(path, value, scalar ? `a text: write it in quotes, "${String(value)}"` : 'a text', issues);
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}

function misfits(path: ConfigPath, value: unknown, expected: string, issues: Issue[]): undefined {
  issues.push(misfit(path, value, expected));
  return undefined;
}

function misfit(path: ConfigPath, value: unknown, expected: string): Issue {
  return { severity: 'error', path, what: `is ${show(value)}`, remedy: `use ${expected}` };
}

function unknownField(desc: DescMessage, path: ConfigPath, key: string): Issue {
  const known = desc.fields.map((field) => field.jsonName);
  const meant = suggest(key, known);
  return {
    severity: 'error',
    path,
    what: `is no field of ${desc.name}`,
    remedy: meant === undefined ? `use one of ${known.join(', ')}` : `did you mean ${meant}?`,
  };
}

/** The value, short. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}
