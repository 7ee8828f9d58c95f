import { agentFault, notMovable, secondAgent } from '../http/client-seam.ts';
import type { ClientSeam } from '../http/client-seam.ts';
import { dispatchBy } from './dispatch-mover.ts';
import type { Dispatch, Dispatcher } from './dispatch.ts';
import { awaitDispatcher, isAwaited } from './dispatcher-waiting.ts';
import { connectorOf } from './secure-connector.ts';
import { whyUnwrappable } from './unwrappable.ts';

/** Where undici has the dispatcher of those who name none: built in and from npm up to 7, and from npm 8. */
const GLOBALS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map((name) => Symbol.for(name));
const OURS = Symbol.for('isthmus.agent.dispatcher');

/** Whose calls a wrapped dispatcher moves now; of every copy of the package: additive only. */
interface Layer {
  /** Undefined: every call passes as if there were no layer. */
  seam: ClientSeam | undefined;
}

type Layered = Dispatcher & { readonly [OURS]?: Layer };

/**
 * Puts itself before the global dispatcher: the built-in `fetch`, and what npm undici does without a dispatcher of its own. Where none of
 * them is loaded yet, as soon as one is: nothing is loaded for it.
 * @returns undoes it; undefined where there is nothing to undo: it is patched or waited for already
 */
export function patchDispatcher(seam: ClientSeam): (() => void) | undefined {
  const undo = GLOBALS.flatMap((key) => patchAt(key, seam));
  return undo.length === 0 ? undefined : () => undo.forEach((one) => one());
}

function patchAt(key: symbol, seam: ClientSeam): (() => void)[] {
  if (isAwaited(key)) return [];
  const global = globalThis as unknown as Record<symbol, Layered | undefined>;
  const before = global[key];
  if (before === undefined) return [patchLater(key, seam)];
  const layer = before[OURS];
  if (layer !== undefined) return takeOver(layer, seam);
  const why = whyUnwrappable(before);
  if (why !== undefined) {
    notMovable(
      seam,
      'undici',
      `what is called by undici's global dispatcher stays on the SDK: ${why}`,
      'see docs/agent-clients.md',
    );
    return [];
  }
  const mine: Layer = { seam };
  const patched = layeredOn(before, mine, () => mine.seam, connectorOf(before));
  global[key] = patched;
  return [
    () => {
      mine.seam = undefined;
      // Where another has wrapped ours since, it stays below and does nothing.
      if (global[key] === patched) global[key] = before;
    },
  ];
}

function patchLater(key: symbol, seam: ClientSeam): () => void {
  let undo: (() => void)[] = [];
  const stop = awaitDispatcher(key, () => {
    try {
      undo = patchAt(key, seam);
    } catch (error) {
      agentFault(seam, 'undici', error); // undici is loaded all the same
    }
  });
  return () => {
    stop();
    for (const one of undo) one();
  };
}

function takeOver(layer: Layer, seam: ClientSeam): (() => void)[] {
  if (layer.seam === seam) return [];
  if (layer.seam !== undefined) {
    secondAgent(seam, 'undici');
    return [];
  }
  layer.seam = seam;
  return [
    () => {
      if (layer.seam === seam) layer.seam = undefined;
    },
  ];
}

/** An application's own dispatcher, behind the agent. @param seam of the process, as long as there is an agent */
export function wrapped<D extends object>(dispatcher: D, seam: () => ClientSeam | undefined): D {
  const before = dispatcher as unknown as Layered;
  if (before[OURS] !== undefined) return dispatcher;
  const layer: Layer = { seam: undefined };
  return layeredOn(before, layer, seam) as unknown as D;
}

/** @param connector who checks certificates for it */
function layeredOn(before: Dispatcher, layer: Layer, seam: () => ClientSeam | undefined, connector: object = before): Layered {
  const below = before.dispatch.bind(before) as Dispatch;
  const dispatch: Dispatch = (options, handler) => {
    const current = seam();
    return current === undefined ? below(options, handler) : dispatchBy(current, below, options, handler, connector);
  };
  // What undici's own `compose` makes (from 7 on; that of 6 loses what `dispatch` returns, and 5 has none).
  const layered: Layered = new Proxy(before, {
    get(target, name) {
      if (name === OURS) return layer;
      if (name === 'dispatch') return dispatch;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      // These call `this.dispatch`; the others may have private state, which a Proxy has not got.
      return (value as () => unknown).bind(CALLS.has(name) ? layered : target);
    },
  });
  return layered;
}

const CALLS: ReadonlySet<string | symbol> = new Set(['request', 'stream', 'pipeline', 'connect', 'upgrade']);
