import { STATUS_CODES } from 'node:http';
import { GRPC_CODES } from '@isthmus/proto/istio';
import type {
  CorsPolicy,
  HTTPDirectResponse,
  HTTPFaultInjection,
  HTTPRedirect,
  HTTPRetry,
  HTTPRoute,
  Percent,
} from '@isthmus/proto/istio';
import { checkDestination, checkWeighted } from './destination.ts';
import { checkHeaderOperations, checkListedHeader, isAuthority } from './headers.ts';
import { checkHttpMatch, checkRegex } from './matches.ts';
import { checkDuration, checkPort } from './names.ts';
import type { Spot } from './spot.ts';

/** @param isDelegate the route of a VirtualService without hosts */
export function checkHttpRoute(route: HTTPRoute, isDelegate: boolean, at: Spot): void {
  checkConflicts(route, isDelegate, at);
  for (const [i, match] of route.match.entries()) checkHttpMatch(match, at.at('match', i));
  checkHeaderOperations(route.headers, at.at('headers'));
  checkCors(route.corsPolicy, at.at('corsPolicy'));
  checkFault(route.fault, at.at('fault'));
  if (route.mirrorPercent !== undefined) {
    if (route.mirrorPercent > 100) at.at('mirrorPercent').error(`is ${route.mirrorPercent}`, 'use 0 to 100');
    at.at('mirrorPercent').warn('is an old setting', 'use `mirrorPercentage: { value: ... }`');
  }
  checkShare(route.mirrorPercentage, at.at('mirrorPercentage'));
  checkDestination(route.mirror, at.at('mirror'));
  for (const [i, { destination, percentage }] of route.mirrors.entries()) {
    const here = at.at('mirrors', i);
    if (destination === undefined) here.error('has no destination', 'add `destination: { host: ... }`');
    else {
      checkDestination(destination, here.at('destination'));
      checkShare(percentage, here.at('percentage'));
    }
  }
  checkRedirect(route.redirect, route, at.at('redirect'));
  checkDirectResponse(route.directResponse, at.at('directResponse'));
  checkRetries(route.retries, at.at('retries'));
  checkRewrite(route, at.at('rewrite'));
  checkAuthorities(route, at);
  for (const [i, { headers }] of route.route.entries()) checkHeaderOperations(headers, at.at('route', i, 'headers'));
  checkWeighted(route.route, at.at('route'));
  checkDuration(route.timeout, at.at('timeout'));
}

function checkConflicts(route: HTTPRoute, isDelegate: boolean, at: Spot): void {
  const { redirect, directResponse, delegate } = route;
  const excludes = (one: string, others: readonly string[]): void => {
    for (const other of others) at.at(one).error(`and ${other} exclude each other`, 'keep one of the two');
  };
  const set = (...names: readonly (keyof HTTPRoute)[]) =>
    names.filter((name) =>
      Array.isArray(route[name]) ? (route[name] as readonly unknown[]).length > 0 : route[name] !== undefined,
    );
  if (!isDelegate && delegate !== undefined) return excludes('delegate', set('redirect', 'route'));
  if (isDelegate && delegate !== undefined) at.at('delegate').error('is in a delegate itself', 'delegate once only');
  if (redirect !== undefined) excludes('redirect', set('route', 'fault', 'rewrite', 'directResponse'));
  else if (directResponse !== undefined) excludes('directResponse', set('route', 'fault', 'rewrite'));
  else if (route.route.length === 0) at.error('has no route, redirect or directResponse', 'add one of them');
  if (route.mirror !== undefined) excludes('mirror', set('mirrors'));
}

function checkCors(policy: CorsPolicy | undefined, at: Spot): void {
  if (policy === undefined) return;
  for (const [i, origin] of policy.allowOrigins.entries()) {
    const here = at.at('allowOrigins', i);
    const { case: kind, value } = origin.matchType;
    if (kind === undefined || value === '') here.error('is empty', 'use exact, prefix or regex');
    else if (kind === 'regex') checkRegex(value, here.at('regex'));
  }
  for (const [i, method] of policy.allowMethods.entries())
    if (!METHODS.includes(method))
      at.at('allowMethods', i).error(`is ${JSON.stringify(method)}`, `use one of ${METHODS.join(', ')}`);
  for (const list of ['allowHeaders', 'exposeHeaders'] as const)
    for (const [i, name] of policy[list].entries()) checkListedHeader(name, at.at(list, i));
  checkDuration(policy.maxAge, at.at('maxAge'));
  if ((policy.maxAge?.nanos ?? 0) > 0) at.at('maxAge').error('is not a whole number of seconds', 'round it');
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*'];

function checkFault(fault: HTTPFaultInjection | undefined, at: Spot): void {
  if (fault === undefined) return;
  const { abort, delay } = fault;
  if (abort === undefined && delay === undefined) at.error('has neither abort nor delay', 'add one of them');
  if (abort !== undefined) {
    checkFraction(abort.percentage, at.at('abort', 'percentage'));
    const { case: kind, value } = abort.errorType;
    if (kind === 'grpcStatus' && !GRPC_CODES.includes(value))
      at.at('abort', 'grpcStatus').error(`is ${JSON.stringify(value)}`, `use one of ${GRPC_CODES.join(', ')}`);
    else if (kind === 'http2Error')
      at.at('abort', 'http2Error').error('is not implemented, by Istio neither', 'use httpStatus or grpcStatus');
    else if (kind === 'httpStatus') checkStatus(value, at.at('abort', 'httpStatus'));
    else if (kind === undefined) at.at('abort').warn('has no status to abort with', 'add `httpStatus: 503`');
  }
  if (delay !== undefined) {
    checkFraction(delay.percentage, at.at('delay', 'percentage'));
    const { case: kind, value } = delay.httpDelayType;
    if (kind !== undefined) checkDuration(value, at.at('delay', kind));
    if (kind === 'exponentialDelay') at.at('delay', kind).error('is not implemented, by Istio neither', 'use fixedDelay');
  }
}

function checkFraction(percentage: Percent | undefined, at: Spot): void {
  const value = percentage?.value ?? 0;
  if (value < 0 || value > 100 || (value > 0 && value < 0.0001)) at.at('value').error(`is ${value}`, 'use 0, or 0.0001 to 100');
}

function checkShare(percentage: Percent | undefined, at: Spot): void {
  const value = percentage?.value ?? 0;
  if (value < 0 || value > 100) at.at('value').error(`is ${value}`, 'use 0 to 100');
}

function checkStatus(status: number, at: Spot): void {
  if (status < 200 || status > 600) at.error(`is ${status}`, 'use a status between 200 and 599');
}

function checkRedirect(redirect: HTTPRedirect | undefined, { match }: HTTPRoute, at: Spot): void {
  if (redirect === undefined) return;
  const { uri, prefixRewrite, authority, scheme, redirectCode, redirectPort } = redirect;
  if (uri !== '' && prefixRewrite !== '') at.error('has both uri and prefixRewrite', 'keep one of the two');
  if (prefixRewrite !== '' && match.some((one) => one.uri !== undefined && one.uri.matchType.case !== 'prefix'))
    at.at('prefixRewrite').error('replaces the prefix of a match that matches no prefix', 'match the uri by prefix');
  if (uri === '' && prefixRewrite === '' && authority === '' && redirectPort.case === undefined && scheme === '')
    at.error('says nothing of where to', 'add uri, authority, scheme or port');
  if (redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399))
    at.at('redirectCode').error(`is ${redirectCode}`, 'use a status between 300 and 399');
  if (!['', 'http', 'https'].includes(scheme)) at.at('scheme').error(`is ${JSON.stringify(scheme)}`, 'use http or https');
  if (redirectPort.case === 'port' && redirectPort.value > 0) checkPort(redirectPort.value, at.at('port'));
}

const WARN_BYTES = 100 * 1024;
const MOST_BYTES = 1024 * 1024;

function checkDirectResponse(response: HTTPDirectResponse | undefined, at: Spot): void {
  if (response === undefined) return;
  const { value = '' } = response.body?.specifier ?? {};
  const size = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
  if (size > MOST_BYTES) at.at('body').error(`is ${size} bytes long`, 'serve it from a service; 1 MiB is the most');
  else if (size > WARN_BYTES) at.at('body').warn(`is ${size} bytes long, and goes to every proxy`, 'serve it from a service');
  checkStatus(response.status, at.at('status'));
}

const RETRY_ON = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];
/** Node knows it, Go does not: it was never registered. */
const NO_STATUS = '509';

function checkRetries(retries: HTTPRetry | undefined, at: Spot): void {
  if (retries === undefined) return;
  const { attempts, perTryTimeout, retryOn, retryRemoteLocalities, backoff } = retries;
  if (attempts < 0) at.at('attempts').error(`is ${attempts}`, 'use 0 or more');
  if (attempts === 0 && (perTryTimeout !== undefined || retryOn !== '' || retryRemoteLocalities !== undefined))
    at.error('says how to retry, and with attempts 0 never to', 'set attempts, or leave the rest out');
  checkDuration(perTryTimeout, at.at('perTryTimeout'));
  for (const policy of retryOn === '' ? [] : retryOn.split(','))
    if (!RETRY_ON.includes(policy) && !isStatus(policy))
      at.at('retryOn').error(
        `has ${JSON.stringify(policy)}`,
        `use statuses or ${RETRY_ON.join(', ')}, with commas and without spaces`,
      );
  checkDuration(backoff, at.at('backoff'));
}

function isStatus(text: string): boolean {
  const status = /^\+?0*(\d+)$/.exec(text)?.[1] ?? '';
  return status in STATUS_CODES && status !== NO_STATUS;
}

function checkRewrite({ rewrite }: HTTPRoute, at: Spot): void {
  if (rewrite === undefined) return;
  const { uri, uriRegexRewrite, authority } = rewrite;
  if (uri !== '' && uriRegexRewrite !== undefined) at.error('has both uri and uriRegexRewrite', 'keep one of the two');
  if (uri === '' && uriRegexRewrite === undefined && authority === '')
    at.error('rewrites nothing', 'add uri, uriRegexRewrite or authority');
  if (uriRegexRewrite === undefined) return;
  if (uriRegexRewrite.match === '' || uriRegexRewrite.rewrite === '')
    at.at('uriRegexRewrite').error('has no match or no rewrite', 'add both');
  else checkRegex(uriRegexRewrite.match, at.at('uriRegexRewrite', 'match'));
}

/** One thing only may say what the host becomes. */
function checkAuthorities({ rewrite, headers }: HTTPRoute, at: Spot): void {
  const request = headers?.request;
  const names = [request?.set, request?.add].flatMap((changes) =>
    Object.entries(changes ?? {}).filter(([name, value]) => isAuthority(name) && value !== ''),
  );
  const empty = [request?.set, request?.add].flatMap((changes) =>
    Object.entries(changes ?? {}).filter(([name, value]) => isAuthority(name) && value === ''),
  );
  const first = (rewrite?.authority ?? '') === '' ? 0 : 1;
  if (names.length + first > 1 || (empty.length > 0 && names.length + first > 0))
    at.at('headers').error('sets the host, which is set already', 'set it once, with rewrite.authority');
}
