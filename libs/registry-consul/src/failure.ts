import type { DiagnosticCode } from '@isthmus/model';

/**
 * What can go wrong with a call, by what has to be done about it:
 * `unreachable`, `timeout`, `leader`, `auth` and `protocol` make the scope stale; `busy` means fewer connections;
 * `answer` is one bad answer, which costs that service only.
 */
export type FailureKind = 'unreachable' | 'timeout' | 'leader' | 'auth' | 'busy' | 'protocol' | 'answer';

export class ConsulFailure extends Error {
  readonly kind: FailureKind;
  /** Set for `answer`. */
  readonly code: Extract<DiagnosticCode, 'answer.invalid' | 'answer.too-large' | 'text.invalid'> | undefined;

  constructor(kind: FailureKind, message: string, code?: ConsulFailure['code']) {
    super(message);
    this.name = 'ConsulFailure';
    this.kind = kind;
    this.code = code;
  }
}

/** Parts of papi's errors that are read here; papi has no types. */
interface Thrown {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly isTimeout?: unknown;
  readonly cause?: unknown;
  readonly response?: { readonly statusCode?: number; readonly body?: unknown };
}

/** Sorts what the client threw. `server` names the agent in the message. */
export function failureOf(thrown: unknown, server: string): ConsulFailure {
  if (thrown instanceof ConsulFailure) return thrown;
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : { message: String(thrown) }) as Thrown;
  if (error.isTimeout === true) return new ConsulFailure('timeout', `${server} accepts connections but does not answer`);
  const status = error.response?.statusCode;
  if (status === undefined) {
    return new ConsulFailure(
      'unreachable',
      `${server} cannot be reached: ${String(error.code ?? '')} ${String(error.message ?? '')}`.trim(),
    );
  }
  const said = textOf(error.response?.body);
  if (status === 401 || status === 403) {
    return new ConsulFailure(
      'auth',
      `${server} refuses the ACL token (${status} ${said}): permission denied, or the token is unknown`,
    );
  }
  if (status === 429 || (status === 503 && /exhausted|rate limit/i.test(said))) {
    return new ConsulFailure('busy', `${server} has too many connections or calls from here (${status} ${said})`);
  }
  // "No cluster leader", "rpc error making call: No cluster leader", "No path to datacenter"
  if (/no (known )?(cluster )?leader|no path to datacenter|leadership lost|not the leader/i.test(said)) {
    return new ConsulFailure('leader', `${server} has no leader or no way to the datacenter (${status} ${said})`);
  }
  return new ConsulFailure('protocol', `${server} answers ${status} ${said}`);
}

function textOf(body: unknown): string {
  const text = Buffer.isBuffer(body) ? body.subarray(0, 200).toString('latin1') : typeof body === 'string' ? body : '';
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 120)
    .trim();
}
