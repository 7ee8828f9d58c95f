/** What undici calls back: the names up to 7 (`on…`), and those from 7 on (`onRequestStart`, …). Only some of them are there. */
export type Handler = Record<string, ((...values: unknown[]) => unknown) | undefined>;

export interface Fallback {
  readonly failed: (outcome: 'bad' | 'dead', code: string) => void;
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
/** Told when the request begins to be written, which by TLS is after the certificate was checked. */
const BEGINNINGS: ReadonlySet<string> = new Set(['onConnect', 'onRequestStart']);
/** Codes of a handshake of TLS that came to nothing: Node's, OpenSSL's, and those of its checks of certificates. */
const HANDSHAKE =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH_)/;
/** Codes of a connection that ended or never was; others (timeouts of an answer, aborts) are the application's. */
const CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT']);

/** The application's handler, but a connection to the egress that ends before an answer is no error: the instance is asked. */
export function falling(handler: Handler, fallback: Fallback): Handler {
  let answered = false;
  let begun = false;
  const passed: Handler = {};
  for (const name of [...ANSWERS, ...ENDS]) {
    if (typeof handler[name] !== 'function') continue;
    passed[name] = (...values) => {
      answered ||= ANSWERS.includes(name);
      begun ||= BEGINNINGS.has(name);
      if (LAST.has(name)) fallback.ended?.();
      return handler[name]?.(...values);
    };
  }
  const failed = (error: unknown): boolean => {
    fallback.ended?.();
    const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
    const inHandshake = !begun && HANDSHAKE.test(code);
    if (answered || !(CONNECTION.has(code) || inHandshake)) return false;
    const never = code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT' || !begun;
    fallback.failed(code === 'ECONNREFUSED' || inHandshake ? 'dead' : 'bad', code);
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
