import type { ArmCounts } from '../control/arm-counts.ts';
import type { Handler } from './falling-handler.ts';

const NAMES = [
  'onConnect', 'onUpgrade', 'onHeaders', 'onData', 'onComplete', 'onError', 'onBodySent', 'onRequestSent', 'onResponseStarted',
  'onRequestStart', 'onRequestUpgrade', 'onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError',
]; // prettier-ignore

/** The application's handler, and the call is counted when its answer begins or fails to come. */
export function counting(handler: Handler, counts: ArmCounts): Handler {
  const began = performance.now();
  let counted = false;
  const end = (failed: boolean): void => {
    if (counted) return;
    counted = true;
    counts.ended(performance.now() - began, failed);
  };
  const passed: Handler = {};
  for (const name of NAMES) if (typeof handler[name] === 'function') passed[name] = (...values) => handler[name]?.(...values);
  const watch = (name: string, failed: (...values: unknown[]) => boolean | undefined): void => {
    if (typeof handler[name] !== 'function') return;
    passed[name] = (...values) => {
      const outcome = failed(...values);
      if (outcome !== undefined) end(outcome);
      return handler[name]?.(...values);
    };
  };
  // 1xx come before the answer.
  watch('onHeaders', (status) => outcomeOf(status));
  watch('onResponseStart', (_controller, status) => outcomeOf(status));
  watch('onUpgrade', () => false);
  watch('onRequestUpgrade', () => false);
  watch('onError', () => true);
  watch('onResponseError', () => true);
  return passed;
}

function outcomeOf(status: unknown): boolean | undefined {
  return Number(status) < 200 ? undefined : Number(status) >= 500;
}
