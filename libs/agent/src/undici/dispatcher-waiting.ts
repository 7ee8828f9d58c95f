/** At the getter that waits: of every copy of the package, additive only. */
const WAITS = Symbol.for('isthmus.agent.dispatcher.waits');

type Marked = (() => unknown) & { [WAITS]?: true };

/** Whether a copy of the agent waits for a dispatcher there already. */
export function isAwaited(key: symbol): boolean {
  const held = Object.getOwnPropertyDescriptor(globalThis, key);
  return (held?.get as Marked | undefined)?.[WAITS] === true;
}

/**
 * Waits for the first copy of undici that sets its global dispatcher, Node's own or one of npm, without loading any: Node's own has about
 * 11 MB, and a service that never calls by `fetch` need not have them. Each copy asks, as it is loaded, whether there is a dispatcher, and
 * where there is none defines one in the same turn (`lib/global.js`, undici 5 to 8). The question finds a getter here; until it is
 * answered, at the latest for the rest of this turn, `Object.defineProperty` is looked at, because what defines a property tells no setter.
 * @param key of a property that `globalThis` has not got
 * @param arrived told once, before anybody can have called by it
 * @returns ends it
 */
export function awaitDispatcher(key: symbol, arrived: () => void): () => void {
  const { defineProperty } = Object;
  let isOver = false;
  const done = (): void => {
    if (isOver) return;
    isOver = true;
    arrived();
  };
  const get: Marked = () => {
    lookOut(key, done);
    return undefined;
  };
  get[WAITS] = true;
  const set = (value: unknown): void => {
    defineProperty(globalThis, key, { value, writable: true, enumerable: false, configurable: true });
    done();
  };
  defineProperty(globalThis, key, { get, set, enumerable: false, configurable: true });
  return () => {
    isOver = true;
    if (Object.getOwnPropertyDescriptor(globalThis, key)?.get === get) delete (globalThis as Record<symbol, unknown>)[key];
  };
}

function lookOut(key: symbol, defined: () => void): void {
  const { defineProperty } = Object;
  const looked = <T>(target: T, name: PropertyKey, descriptor: PropertyDescriptor & ThisType<unknown>): T => {
    const made = defineProperty(target, name, descriptor);
    if (name === key && (target as unknown) === globalThis) {
      stop();
      defined();
    }
    return made;
  };
  const stop = (): void => {
    if (Object.defineProperty === looked) Object.defineProperty = defineProperty;
  };
  try {
    Object.defineProperty = looked;
  } catch {
    // Frozen (--frozen-intrinsics): it is told of at the end of this turn.
  }
  queueMicrotask(() => {
    stop();
    if (Object.getOwnPropertyDescriptor(globalThis, key)?.value !== undefined) defined();
  });
}
