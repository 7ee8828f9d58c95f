/**
 * What the sidecar itself answered instead of an instance, in the words of an in-process breaker: `open` nobody is left to be called,
 * `overflow` too many calls at once, `timeout` its deadline, `failed` the connection to an instance.
 */
export type MeshRefusal = 'open' | 'overflow' | 'timeout' | 'failed';

interface AnswerLike {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly headers?: unknown;
}

/**
 * @param outcome what a call came to: an answer of `fetch`, undici, axios, got or `http`, or an error that has one as `response`
 * @returns undefined for what an instance answered, for success and for other errors
 */
export function meshRefusal(outcome: unknown): MeshRefusal | undefined {
  const answer = answerOf(outcome);
  if (answer === undefined) return undefined;
  const status = answer.statusCode ?? answer.status;
  if (status !== 503 && status !== 504) return undefined;
  const flags = header(answer.headers, 'x-envoy-response-flags');
  if (flags !== undefined) return ofFlags(flags);
  if (header(answer.headers, 'x-envoy-overloaded') !== undefined) return 'overflow';
  // The router adds its time to what an instance answered, and only to that; `server` it writes over.
  const isOwn =
    header(answer.headers, 'server')?.includes('envoy') === true &&
    header(answer.headers, 'x-envoy-upstream-service-time') === undefined;
  if (!isOwn) return undefined;
  return status === 504 ? 'timeout' : 'open';
}

/** Envoy's %RESPONSE_FLAGS%, `UO,URX`. */
function ofFlags(flags: string): MeshRefusal | undefined {
  const all = flags.split(',').map((flag) => flag.trim());
  if (all.includes('UO')) return 'overflow';
  if (all.includes('UH') || all.includes('NC') || all.includes('NR')) return 'open';
  if (all.includes('UT')) return 'timeout';
  return ['UF', 'UC', 'LR', 'UR'].some((flag) => all.includes(flag)) ? 'failed' : undefined;
}

/** Lets go of an answer that nobody will read: its connection would be taken for ever. */
export function discard(outcome: unknown): void {
  const { body, resume } = (answerOf(outcome) ?? {}) as { body?: { cancel?: unknown; dump?: unknown }; resume?: unknown };
  try {
    if (typeof body?.dump === 'function') quietly((body as { dump: () => unknown }).dump());
    else if (typeof body?.cancel === 'function') quietly((body as { cancel: () => unknown }).cancel());
    else if (typeof resume === 'function') (outcome as { resume: () => void }).resume();
  } catch {
    // It is read already.
  }
}

function quietly(promise: unknown): void {
  Promise.resolve(promise).catch(() => undefined);
}

function answerOf(outcome: unknown): AnswerLike | undefined {
  if (typeof outcome !== 'object' || outcome === null) return undefined;
  const { response } = outcome as { response?: unknown };
  const answer = (typeof response === 'object' && response !== null ? response : outcome) as AnswerLike;
  return typeof answer.headers === 'object' && answer.headers !== null ? answer : undefined;
}

function header(headers: unknown, name: string): string | undefined {
  const { get } = headers as { get?: unknown };
  const value: unknown =
    typeof get === 'function'
      ? (headers as { get: (name: string) => unknown }).get(name)
      : (headers as Record<string, unknown>)[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
