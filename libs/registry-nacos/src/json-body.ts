import { IsthmusError } from '@isthmus/model';

export type Json = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON object in a body.
 *
 * @throws IsthmusError `registry.protocol` that says what came instead: invalid UTF-8, a login page, cut-off JSON.
 */
export function readJsonObject(body: Uint8Array, what: string): Json {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw unreadable(what, 'is not valid UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    if (/^\s*</.test(text))
      throw unreadable(what, 'is an HTML page, not JSON: something else answers on that address (a proxy or login page)');
    throw unreadable(what, `is no JSON (${text.length} characters, it may be cut off)`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(what, 'is no JSON object');
  return value as Json;
}

function unreadable(what: string, why: string): IsthmusError {
  return new IsthmusError('registry.protocol', `the answer to ${what} ${why}`, {
    meaning: 'nothing is taken from it and nothing is deleted because of it',
    remedy: 'check the address and what stands between the bridge and Nacos',
  });
}
