import type { Resource } from '@isthmus/model';
import { framesInSteps } from './frames.ts';
import type { AnyType } from './frames.ts';
import { SharedSteps } from './shared-steps.ts';

interface ListBody {
  readonly transport: 'sotw' | 'delta';
  readonly anyType: AnyType;
  readonly resources: readonly Resource[];
  /** The same, once another list has as many in another order: of 10,000 it is 10 ms in one turn, and mostly nobody comes. */
  asSet: SharedSteps<ReadonlySet<Resource>> | undefined;
  readonly parts: SharedSteps<readonly Buffer[]>;
}

/** Resources put into a set between two turns of the event loop. */
const STEP = 1_000;

const MOST_KEPT = 4;
/** ms without use after which nothing is kept: it is for clients that come together. */
const KEPT_FOR = 5_000;

let kept: ListBody[] = [];
let forgetting: NodeJS.Timeout | undefined;

/**
 * Many resources, framed. Clients that connect together ask for the same endpoints by their names, each in an order of its
 * own: whatever the order, their responses share one body.
 */
export function* listBody(
  resources: readonly Resource[],
  transport: 'sotw' | 'delta',
  anyType: AnyType,
): Generator<void, readonly Buffer[]> {
  for (const body of kept) {
    if (body.transport !== transport || body.anyType !== anyType || body.resources.length !== resources.length) continue;
    if (yield* hasAll(body, resources)) return yield* body.parts.run();
  }
  const parts = new SharedSteps(framesInSteps(resources, transport, anyType));
  kept = [{ transport, anyType, resources, asSet: undefined, parts }, ...kept].slice(0, MOST_KEPT);
  if (forgetting === undefined) {
    forgetting = setTimeout(() => {
      forgetting = undefined;
      kept = [];
    }, KEPT_FOR);
    forgetting.unref();
  }
  return yield* parts.run();
}

/** @param resources as many as the body has, none of them twice */
function* hasAll(body: ListBody, resources: readonly Resource[]): Generator<void, boolean> {
  if (body.resources.every((resource, n) => resource === resources[n])) return true;
  const all = yield* (body.asSet ??= new SharedSteps(setInSteps(body.resources))).run();
  return resources.every((resource) => all.has(resource));
}

function* setInSteps(resources: readonly Resource[]): Generator<void, ReadonlySet<Resource>> {
  const set = new Set<Resource>();
  for (const [n, resource] of resources.entries()) {
    if (n % STEP === STEP - 1) yield;
    set.add(resource);
  }
  return set;
}
