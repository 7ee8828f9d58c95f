import type { ServiceKey } from '@isthmus/model';
import { parseJson } from './answer.ts';
import { normalizeService } from './normalize.ts';
import type { NormalizeRules, Normalized } from './normalize.ts';

/** @throws ConsulFailure `answer` */
export function decodeService(key: ServiceKey, body: Uint8Array, contentType: string, rules: NormalizeRules): Normalized {
  return normalizeService(key, parseJson(body, contentType), rules);
}
