import { serviceId } from '@isthmus/model';
import type { ServiceKey } from '@isthmus/model';

/**
 * Matches service ids, `registry/namespace/group/name`: `*` stands for any characters, slashes included (`shop/*`,
 * `*` + `/orders`). Names may be written as the registry has them or as ids show them (`providers%3Aa.B`).
 */
export function servicePattern(pattern: string): (key: ServiceKey) => boolean {
  const test = textPattern(pattern);
  return (key) => test([key.source, key.namespace, key.group, key.name].join('/')) || test(serviceId(key));
}

/** `*` stands for any characters; case counts. */
export function textPattern(pattern: string): (text: string) => boolean {
  if (pattern === '*') return () => true;
  if (!pattern.includes('*')) return (text) => text === pattern;
  const pieces = pattern.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  // Lazy and anchored: linear for the one or two stars that people write.
  const expression = new RegExp(`^${pieces.join('.*?')}$`, 's');
  return (text) => expression.test(text);
}
