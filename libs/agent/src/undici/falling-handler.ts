/** What undici calls back: the names up to 7 (`on…`), and those from 7 on (`onRequestStart`, …). Only some of them are there. */
export type Handler = Record<string, ((...values: unknown[]) => unknown) | undefined>;

export interface Fallback {
  readonly failed: (outcome: 'bad' | 'dead') => void;
  /** Sends it to the instance; undefined where its body can be read only once. */
  readonly again: (() => void) | undefined;
  /** Idempotent: it may be sent again although it may have arrived. */
  readonly mayRepeat: boolean;
  /** It is over there, however it ended; called at least once. */
  readonly ended?: () => void;
}

const ANSWERS = ['onHeaders', 'onResponseStart', 'onUpgrade', 'onRequestUpgrade'];
const LAST: ReadonlySet<string> = new Set(['onComplete', 'onResponseEnd', 'onUpgrade', 'onRequestUpgrade']);
const ENDS = [
  'onConnect',
  'onRequestStart',
  'onResponseStarted',
  'onData',
  'onResponseData',
  'onComplete',
  'onResponseEnd',
  'onBodySent',
  'onRequestSent',
];
/** Codes of a connection that ended or never was; others (timeouts of an answer, aborts) are the application's. */
const CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

/** The application's handler, but a connection to the egress that ends before an answer is no error: the instance is asked. */
export function falling(handler: Handler, fallback: Fallback): Handler {
  let answered = false;
  const passed: Handler = {};
  for (const name of [...ANSWERS, ...ENDS]) {
    if (typeof handler[name] !== 'function') continue;
    passed[name] = (...values) => {
      answered ||= ANSWERS.includes(name);
      if (LAST.has(name)) fallback.ended?.();
      return handler[name]?.(...values);
    };
  }
  const failed = (error: unknown): boolean => {
    fallback.ended?.();
    const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
    if (answered || !CONNECTION.has(code)) return false;
    const never = code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT';
    fallback.failed(code === 'ECONNREFUSED' ? 'dead' : 'bad');
    if (fallback.again === undefined || !(never || fallback.mayRepeat)) return false;
    fallback.again();
    return true;
  };
  if (typeof handler['onError'] === 'function')
    passed['onError'] = (error) => (failed(error) ? undefined : handler['onError']?.(error));
  if (typeof handler['onResponseError'] === 'function')
    passed['onResponseError'] = (controller, error) =>
      failed(error) ? undefined : handler['onResponseError']?.(controller, error);
  return passed;
}
