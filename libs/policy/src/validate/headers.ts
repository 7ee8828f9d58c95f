import type { Headers } from '@isthmus/proto/istio';
import type { Spot } from './spot.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~A-Za-z0-9]+$/; // RFC 7230, section 3.2.6
// eslint-disable-next-line no-control-regex -- these are what is refused
const CONTROL = /[\u0000-\u0008\u000A-\u001F\u007F]/;
const PSEUDO = [':method', ':scheme', ':authority', ':path', ':status'];
const CLAIM = '@request.auth.claims';
const NAME_REMEDY = 'use a name such as x-user';

/** `@request.auth.claims.sub` and `@request.auth.claims[sub]`: routing by what a token says. */
export function isClaim(name: string): boolean {
  if (!name.toLowerCase().startsWith(CLAIM)) return false;
  const rest = name.slice(CLAIM.length);
  return (rest.startsWith('.') && rest.length > 1) || (rest.startsWith('[') && rest.endsWith(']') && rest.length > 2);
}

export function checkMatchedHeader(name: string, at: Spot): void {
  if (!isClaim(name) && !PSEUDO.includes(name) && !TOKEN.test(name)) at.error('is no name of a header', NAME_REMEDY);
}

/** For CORS. */
export function checkListedHeader(name: string, at: Spot): void {
  if (!TOKEN.test(name)) at.error(`is ${JSON.stringify(name)}, which is no name of a header`, `${NAME_REMEDY}, or "*"`);
}

export function isAuthority(name: string): boolean {
  return /^(?::authority|host)$/i.test(name);
}

export function checkHeaderOperations(headers: Headers | undefined, at: Spot): void {
  if (headers === undefined) return;
  for (const side of ['request', 'response'] as const) {
    const operations = headers[side];
    if (operations === undefined) continue;
    for (const verb of ['add', 'set'] as const) {
      for (const [name, value] of Object.entries(operations[verb])) {
        const here = at.at(side, verb, name);
        checkName(name, side === 'request', here);
        const problem = CONTROL.test(value) ? 'has control characters' : headerValueProblem(value);
        if (problem !== undefined)
          here.error(`is ${JSON.stringify(value)}, which ${problem}`, 'write a % of its own as %%, and variables as %NAME%');
      }
    }
    for (const [i, name] of operations.remove.entries()) checkName(name, false, at.at(side, 'remove', i));
  }
}

function checkName(name: string, mayBeAuthority: boolean, at: Spot): void {
  if (name === '') at.error('has no name', NAME_REMEDY);
  else if ((name.startsWith(':') || /^host$/i.test(name)) && !(mayBeAuthority && isAuthority(name)))
    at.error(`changes ${JSON.stringify(name)}, which Envoy does not let one change here`, 'use `rewrite.authority` for the host');
}

/** Envoy's format strings: `%VARIABLE%`, `%VARIABLE(argument)%`, `%VARIABLE(["a", "b"])%`, `%%`. Undefined: well formed. */
function headerValueProblem(value: string): string | undefined {
  let state: 'text' | 'name' | 'array' | 'string' | 'inString' | 'delimiter' | 'close' | 'end' = 'text';
  for (let i = 0; i < value.length; i += 1) {
    const char = value[i];
    switch (state) {
      case 'text':
        if (char !== '%') break;
        if (i + 1 === value.length) return 'ends in a % of its own';
        if (value[i + 1] === '%') i += 1;
        else state = 'name';
        break;
      case 'name':
        if (char === '%') state = 'text';
        else if (char === '(') state = 'array';
        break;
      case 'array':
        if (char === '[') state = 'string';
        else if (char !== ' ') state = 'inString';
        break;
      case 'string':
        if (char === '"') state = 'inString';
        else if (char !== ' ') return 'has a list of arguments without quotes';
        break;
      case 'inString':
        if (char === '\\') {
          if (i + 1 === value.length) return 'ends in a backslash';
          i += 1;
        } else if (char === ')') state = 'end';
        else if (char === '"') state = 'delimiter';
        break;
      case 'delimiter':
        if (char === ',') state = 'string';
        else if (char === ']') state = 'close';
        else if (char !== ' ') return 'has arguments without a comma between them';
        break;
      case 'close':
        if (char === ')') state = 'end';
        else if (char !== ' ') return 'has something between ] and )';
        break;
      case 'end':
        if (char === '%') state = 'text';
        else if (char !== ' ') return 'has something between ) and %';
        break;
      default:
        state satisfies never;
    }
  }
  return state === 'text' ? undefined : 'has a variable without its closing %';
}
