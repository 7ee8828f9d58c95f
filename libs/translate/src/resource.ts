import { hash } from 'node:crypto';
import type { Resource } from '@isthmus/model';

/** 64 bits of SHA-256: equal content, equal version, on every replica. */
export function contentVersion(content: Uint8Array | string): string {
  return hash('sha256', content, 'hex').slice(0, 16);
}

export function resource(name: string, bytes: Uint8Array): Resource {
  return { name, version: contentVersion(bytes), bytes };
}
