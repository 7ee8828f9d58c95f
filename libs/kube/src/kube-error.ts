import { IsthmusError, messageOf } from '@isthmus/model';
import type { ErrorCode } from '@isthmus/model';
import type { Resource } from './resource.ts';

export type KubeReason =
  /** 401: token or certificate are not accepted. */
  | 'unauthorized'
  /** 403: a rule is missing; `remedy` has it. */
  | 'forbidden'
  | 'not-found'
  /** 404 for the kind itself: its CustomResourceDefinition is not installed, or the server is too old. */
  | 'unknown-kind'
  /** 409: it was changed by someone else meanwhile, or exists, or belongs to another field manager. */
  | 'conflict'
  /** 410: the resourceVersion is too old to go on from. */
  | 'expired'
  /** 400, 413, 422 and whatever else says that the request itself is wrong. */
  | 'refused'
  /** 429 and 503: later. */
  | 'busy'
  | 'unreachable'
  | 'timeout'
  | 'too-large'
  /** An answer that cannot be understood. */
  | 'protocol';

const CODES: Readonly<Record<KubeReason, ErrorCode>> = {
  unauthorized: 'registry.auth',
  forbidden: 'registry.auth',
  'not-found': 'registry.protocol',
  'unknown-kind': 'registry.protocol',
  conflict: 'registry.protocol',
  expired: 'registry.protocol',
  refused: 'registry.protocol',
  busy: 'registry.unreachable',
  unreachable: 'registry.unreachable',
  timeout: 'registry.timeout',
  'too-large': 'registry.too-large',
  protocol: 'registry.protocol',
};

export interface KubeErrorDetails {
  readonly remedy?: string;
  readonly status?: number;
  /** From `Retry-After`; milliseconds. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What a call to the API server came to, with what to do about it. Its `code` is one of `registry.*`. */
export class KubeError extends IsthmusError {
  readonly reason: KubeReason;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(reason: KubeReason, what: string, details: KubeErrorDetails = {}) {
    super(CODES[reason], what, {
      ...(details.remedy === undefined ? {} : { remedy: details.remedy }),
      ...(details.cause === undefined ? {} : { cause: details.cause }),
    });
    this.name = 'KubeError';
    this.reason = reason;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }

  /** "what. Try: remedy", for a status line. */
  get line(): string {
    return this.remedy === undefined ? this.message : `${this.message}. Try: ${this.remedy}`;
  }

  /** Anything that was thrown, as one of ours. */
  static from(thrown: unknown): KubeError {
    return thrown instanceof KubeError ? thrown : new KubeError('protocol', messageOf(thrown), { cause: thrown });
  }
}

/** What a call is for, so that a refusal can name the rule that is missing. */
export interface Attempt {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  readonly resource: Pick<Resource, 'group' | 'plural'>;
  /** `''`: all namespaces, or none. */
  readonly namespace: string;
}

/** "list endpointslices.discovery.k8s.io in every namespace" */
export function describeAttempt({ verb, resource, namespace }: Attempt): string {
  const name = resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
  return `${verb} ${name}${namespace === '' ? ' in every namespace' : ` in namespace ${namespace}`}`;
}

/** The rule that a ClusterRole (or, for one namespace, a Role) needs, as one line of YAML. */
export function ruleFor({ verb, resource }: Attempt): string {
  const verbs = verb === 'list' || verb === 'watch' ? 'list, watch' : verb;
  return `{ apiGroups: ["${resource.group}"], resources: ["${resource.plural}"], verbs: [${verbs}] }`;
}

export interface Refusal {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: string | undefined;
}

/** From a `Status` object (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/) or any other answer. */
export function errorFromStatus(attempt: Attempt | undefined, server: string, { status, body, retryAfter }: Refusal): KubeError {
  const doing = attempt === undefined ? 'a request' : describeAttempt(attempt);
  const said = statusMessage(body);
  const what = `${server} answers ${status} to ${doing}${said === '' ? '' : `: ${said}`}`;
  const fail = (reason: KubeReason, remedy?: string): KubeError =>
    new KubeError(reason, what, { status, ...(remedy === undefined ? {} : { remedy }), ...later(retryAfter) });
  switch (status) {
    case 401:
      return fail('unauthorized', 'check the token or client certificate of the kubeconfig (expired, or of another cluster)');
    case 403:
      return fail('forbidden', attempt === undefined ? 'check the rights of the account' : roleRemedy(attempt));
    case 404:
      // Only a missing object has a name in the details; a missing kind is a plain "404 page not found".
      return hasName(body) ? fail('not-found') : fail('unknown-kind', kindRemedy(attempt));
    case 409:
      return fail('conflict');
    case 410:
      return fail('expired');
    case 429:
    case 503:
      return fail('busy');
    default:
      return status >= 500 ? fail('unreachable', 'look at the API server’s log') : fail('refused');
  }
}

function roleRemedy(attempt: Attempt): string {
  const where =
    attempt.namespace === '' ? 'the account’s ClusterRole' : `a Role of the account in namespace ${attempt.namespace}`;
  return `add to ${where}: ${ruleFor(attempt)}`;
}

function kindRemedy(attempt: Attempt | undefined): string {
  const group = attempt?.resource.group ?? '';
  return group.endsWith('.istio.io') ? `install Istio’s CustomResourceDefinitions (${group})` : 'is that an API server?';
}

function hasName(body: unknown): boolean {
  const details = typeof body === 'object' && body !== null && 'details' in body ? body.details : undefined;
  return typeof details === 'object' && details !== null && 'name' in details && details.name !== '';
}

function statusMessage(body: unknown): string {
  const text = typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
  return text.length > 400 ? `${text.slice(0, 397)}...` : text;
}

/** Seconds, as the API server gives it; at most five minutes are believed. */
function later(text: string | undefined): { readonly retryAfterMs?: number } {
  const seconds = Number(text ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: Math.min(seconds, 300) * 1_000 } : {};
}
