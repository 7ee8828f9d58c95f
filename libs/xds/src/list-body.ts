import type { Resource } from '@isthmus/model';
import { framesInSteps } from './frames.ts';
import type { AnyType } from './frames.ts';
import { SharedSteps } from './shared-steps.ts';

interface ListBody {
  readonly transport: 'sotw' | 'delta';
  readonly anyType: AnyType;
  readonly resources: ReadonlySet<Resource>;
  readonly parts: SharedSteps<readonly Buffer[]>;
}

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
  const known = kept.find(
    (body) =>
      body.transport === transport &&
      body.anyType === anyType &&
      body.resources.size === resources.length &&
      resources.every((resource) => body.resources.has(resource)),
  );
  if (known !== undefined) return yield* known.parts.run();
  const parts = new SharedSteps(framesInSteps(resources, transport, anyType));
  kept = [{ transport, anyType, resources: new Set(resources), parts }, ...kept].slice(0, MOST_KEPT);
  if (forgetting === undefined) {
    forgetting = setTimeout(() => {
      forgetting = undefined;
      kept = [];
    }, KEPT_FOR);
    forgetting.unref();
  }
  return yield* parts.run();
}
