type Method = (this: unknown, ...args: unknown[]) => unknown;

/** What is told of a call of a client's method; none of it may throw into the client, and none of it can change the call. */
export interface Watcher {
  /** The arguments to call with: one may be stood in for by a callback that does the same and is looked at. */
  readonly instead?: (self: unknown, args: readonly unknown[]) => readonly unknown[];
  /** `self` is the call's `this`. */
  readonly before?: (self: unknown, args: readonly unknown[]) => void;
  /** It returned, synchronously; a promise is as it was made. */
  readonly after?: (self: unknown, args: readonly unknown[], result: unknown) => void;
  /** The promise that it returned was kept. */
  readonly kept?: (self: unknown, args: readonly unknown[], value: unknown) => void;
  /** It threw, or its promise was broken. */
  readonly failed?: (self: unknown, args: readonly unknown[], error: unknown) => void;
}

interface Thenable {
  then(kept: (value: unknown) => unknown, failed: (error: unknown) => unknown): unknown;
}

/** A method that is watched already knows it, also when it was another copy of the package that did it. */
const TAPPED = Symbol.for('isthmus.agent.tapped');

/**
 * Watches a method of a client or of its class: it is called with the same `this` and arguments and gives back the same value or
 * error. Of a promise the caller gets one that is settled in the same way (so that a rejection that nobody handles is still
 * one). A method that is missing (another version of the client) or watched already is left alone.
 * @returns whether it is watched now
 */
export function tap(object: object, name: string, watcher: Watcher, fault: (error: unknown) => void): boolean {
  const holder = object as Record<string, unknown>;
  const original = holder[name];
  if (typeof original !== 'function') return false;
  if (TAPPED in original) return true;
  const safely = (work: (() => void) | undefined): void => {
    try {
      work?.();
    } catch (error) {
      fault(error);
    }
  };
  const tapped = function (this: unknown, ...args: unknown[]): unknown {
    safely(watcher.before && (() => watcher.before?.(this, args)));
    let given: readonly unknown[] = args;
    safely(watcher.instead && (() => void (given = watcher.instead?.(this, args) ?? args)));
    let result: unknown;
    try {
      result = (original as Method).apply(this, given as unknown[]);
    } catch (error) {
      safely(() => watcher.failed?.(this, args, error));
      throw error;
    }
    safely(watcher.after && (() => watcher.after?.(this, args, result)));
    if ((watcher.kept === undefined && watcher.failed === undefined) || !isThenable(result)) return result;
    return result.then(
      (value: unknown) => {
        safely(() => watcher.kept?.(this, args, value));
        return value;
      },
      (error: unknown) => {
        safely(() => watcher.failed?.(this, args, error));
        throw error;
      },
    );
  };
  Object.defineProperty(tapped, 'name', { value: original.name, configurable: true });
  Object.defineProperty(tapped, 'length', { value: original.length, configurable: true });
  Object.defineProperty(tapped, TAPPED, { value: true });
  const own = Object.getOwnPropertyDescriptor(holder, name);
  Object.defineProperty(holder, name, {
    value: tapped,
    writable: true,
    configurable: true,
    enumerable: own?.enumerable ?? false,
  });
  return true;
}

/** Of whatever class and realm: its own `then` makes one of its kind. */
function isThenable(value: unknown): value is Thenable {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Thenable>).then === 'function';
}
