import type { ServiceError } from '@grpc/grpc-js';
import { IsthmusError } from '@isthmus/model';
import type { ErrorCode, ErrorDetails } from '@isthmus/model';
import { TLS_REMEDY, isTlsFailure } from './tls.ts';

/** What Nacos itself answered, with its own code (`errorCode` of an answer, or an HTTP status). */
export class NacosRefusal extends IsthmusError {
  readonly nacosCode: number;

  constructor(code: ErrorCode, nacosCode: number, what: string, details: ErrorDetails = {}) {
    super(code, what, details);
    this.nacosCode = nacosCode;
  }
}

/** Codes of `errorCode` that mean something to us (docs/facts.md lists all that were seen). */
export const REFUSED = {
  starting: 300,
  unregistered: 301,
  unknownRequest: 302,
  illegal: 400,
  forbidden: 403,
  notNaming: -401,
} as const;
/** Nacos 3: 20 patterns a server, 500 services a pattern. */
export const FUZZY_REFUSED = { tooManyPatterns: 50_310, tooManyServices: 50_311 } as const;

export function refusal(type: string, errorCode: number, message: string): NacosRefusal {
  const said = message === '' ? `code ${errorCode}` : `${errorCode} ${message}`;
  switch (errorCode) {
    case REFUSED.forbidden:
      return new NacosRefusal('registry.auth', errorCode, `Nacos denied ${type}: ${said}`, {
        meaning: 'the user, its password or its permission is not enough',
        remedy: 'check auth in the config and give the user read permission on the namespace (docs/registries/nacos.md, Rights)',
      });
    case REFUSED.starting:
      return new NacosRefusal('registry.unreachable', errorCode, 'Nacos is still starting', {
        remedy: 'nothing, it is tried again',
      });
    case REFUSED.unregistered:
    case REFUSED.notNaming:
      return new NacosRefusal('registry.unreachable', errorCode, `Nacos no longer knows this connection (${said})`, {
        remedy: 'nothing, a new connection is made',
      });
    default:
      return new NacosRefusal('registry.protocol', errorCode, `Nacos refused ${type}: ${said}`, {
        remedy: 'look at the log of Nacos for that request',
      });
  }
}

/** True when asking again on this connection cannot help. */
export function endsConnection(thrown: unknown): boolean {
  return IsthmusError.is(thrown) && thrown.code === 'registry.unreachable';
}

/** True when asking again with the same token cannot help, but a new login might. */
export function wantsLogin(thrown: unknown): boolean {
  return thrown instanceof NacosRefusal && thrown.nacosCode === REFUSED.forbidden;
}

/** What gRPC says of a failure. grpc-js (load-balancer-pick-first) ends it with a heading, `Resolution note:`, even where it has no note. */
export function saidBy({ details }: Pick<ServiceError, 'details'>): string {
  return details.replace(/[.\s]*Resolution note:\s*$/, '');
}

/** A connection that is gone; certificates are the one cause that a new connection does not mend. */
export function lost(what: string, cause?: Error): IsthmusError {
  const isTls = isTlsFailure(what);
  return new IsthmusError('registry.unreachable', isTls ? `${what}; ${TLS_REMEDY}` : what, {
    remedy: isTls ? TLS_REMEDY : 'nothing, a new connection is made',
    ...(cause === undefined ? {} : { cause }),
  });
}
