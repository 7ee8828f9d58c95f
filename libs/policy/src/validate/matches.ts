import type { HTTPMatchRequest, StringMatch } from '@isthmus/proto/istio';
import { checkMatchedHeader } from './headers.ts';
import { checkHost, checkLabels, checkPort, isLabel } from './names.ts';
import { re2Problem } from './re2.ts';
import type { Spot } from './spot.ts';

export function checkRegex(expression: string, at: Spot): void {
  const problem = expression === '' ? 'is empty' : re2Problem(expression);
  if (problem !== undefined)
    at.error(
      `is ${JSON.stringify(expression.slice(0, 60))}, which ${problem}`,
      'write it as RE2 understands it: https://github.com/google/re2/wiki/Syntax',
    );
}

/** @param mayBeEmpty prefixes; that of a path may */
function checkStringMatch(match: StringMatch | undefined, at: Spot, mayBeEmpty = false): void {
  const { case: kind, value } = match?.matchType ?? { case: undefined, value: '' };
  if (kind === 'regex') checkRegex(value, at.at('regex'));
  else if (kind === 'prefix' && value === '' && !mayBeEmpty)
    at.at('prefix').error('is empty', 'leave it out: it matches everything');
}

export function checkHttpMatch(match: HTTPMatchRequest, at: Spot): void {
  for (const [name, header] of Object.entries(match.headers)) {
    checkMatchedHeader(name, at.at('headers', name));
    checkStringMatch(header, at.at('headers', name));
  }
  for (const [name, header] of Object.entries(match.withoutHeaders)) {
    checkMatchedHeader(name, at.at('withoutHeaders', name));
    // Becomes a match on presence.
    if (!(header.matchType.case === 'regex' && header.matchType.value === '*'))
      checkStringMatch(header, at.at('withoutHeaders', name));
  }
  checkStringMatch(match.uri, at.at('uri'), true);
  checkStringMatch(match.scheme, at.at('scheme'));
  checkStringMatch(match.method, at.at('method'));
  checkStringMatch(match.authority, at.at('authority'));
  for (const [name, query] of Object.entries(match.queryParams)) checkStringMatch(query, at.at('queryParams', name));
  if (match.port !== 0) checkPort(match.port, at.at('port'));
  checkLabels(match.sourceLabels, at.at('sourceLabels'));
  checkGatewayNames(match.gateways, at.at('gateways'));
  if (match.sourceNamespace !== '' && !isLabel(match.sourceNamespace))
    at.at('sourceNamespace').error(`is ${JSON.stringify(match.sourceNamespace)}`, 'use the name of a namespace');
}

/** `namespace/name`, `name`, `mesh`. As Istio does: the first without a namespace is the last that is looked at. */
export function checkGatewayNames(names: readonly string[], at: Spot): void {
  for (const [i, gateway] of names.entries()) {
    const here = at.at(i);
    const slash = gateway.indexOf('/');
    if (slash < 0) {
      const [name = '', namespace = ''] = gateway.split('.');
      if (gateway.includes('.'))
        here.warn(`is ${JSON.stringify(gateway)}, the old way to name a gateway`, `write ${namespace}/${name}`);
      return checkHost(gateway, here);
    }
    if (!isLabel(gateway.slice(0, slash)) || !isLabel(gateway.slice(slash + 1)))
      here.error(`is ${JSON.stringify(gateway)}`, 'write namespace/name');
  }
}
