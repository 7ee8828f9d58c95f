import { hash } from 'node:crypto';
import type { ServiceKey, ServiceRecord } from '@isthmus/model';
import { parseJson } from './answer.ts';
import { normalizeService } from './normalize.ts';
import type { NormalizeRules, Normalized } from './normalize.ts';

/** A normalised answer with a print of its record: equal content, equal print. */
export type Reading =
  Exclude<Normalized, { kind: 'record' }> | { readonly kind: 'record'; readonly record: ServiceRecord; readonly print: string };

/** @throws ConsulFailure `answer` */
export function decodeService(key: ServiceKey, body: Uint8Array, contentType: string, rules: NormalizeRules): Reading {
  const normalized = normalizeService(key, parseJson(body, contentType), rules);
  if (normalized.kind !== 'record') return normalized;
  return { ...normalized, print: printOf(normalized.record) };
}

export function printOf(record: ServiceRecord): string {
  return hash('sha1', JSON.stringify(record), 'base64');
}
