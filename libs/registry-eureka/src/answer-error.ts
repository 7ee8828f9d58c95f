import type { DiagnosticCode, ErrorCode } from '@isthmus/model';

/** Why a read failed, in a form that crosses threads. */
export interface ReadFailure {
  readonly code: Extract<DiagnosticCode, 'answer.invalid' | 'answer.too-large'> | Extract<ErrorCode, `registry.${string}`>;
  readonly what: string;
  readonly remedy: string;
  /** The server answered, with this status instead of 200. */
  readonly status?: number;
}

const REMEDIES: Readonly<Record<ReadFailure['code'], string>> = {
  'answer.invalid':
    'check with curl -H "Accept: application/json" what answers there; a proxy or a login filter may stand in between',
  'answer.too-large': 'raise maxAnswerMegabytes of this registry if it really is that large',
  'registry.auth': 'set auth.username and auth.passwordFile of this registry to an account that may read /eureka/apps',
  'registry.protocol': 'check the URL: Spring Cloud serves /eureka, Netflix’s own server /eureka/v2',
  'registry.timeout': 'check the server’s load and the network in between, or raise timeout of this registry',
  'registry.too-large': 'raise maxAnswerMegabytes of this registry if it really is that large',
  'registry.unreachable': 'check that the server runs and that this machine may reach it',
};

/** A read that failed as a whole: it changes nothing. */
export class AnswerError extends Error {
  readonly failure: ReadFailure;

  constructor(code: ReadFailure['code'], what: string, remedy: string = REMEDIES[code], status?: number) {
    super(what);
    this.name = 'AnswerError';
    this.failure = { code, what, remedy, ...(status === undefined ? {} : { status }) };
  }

  static of({ code, what, remedy, status }: ReadFailure): AnswerError {
    return new AnswerError(code, what, remedy, status);
  }
}
