import type { Resource, TypeUrl } from '@isthmus/model';
import type { AnyType } from './frames.ts';
import { frameAll, framesInSteps } from './frames.ts';
import { LayeredMap } from './layered-map.ts';
import type { ResourceView } from './resource-provider.ts';
import { SharedSteps } from './shared-steps.ts';

interface Body {
  readonly version: string;
  readonly parts: SharedSteps<readonly Buffer[]>;
}

/** By the map, not by the view: the overlays of one base have one map for what they leave as it is. */
const bodies = new WeakMap<ReadonlyMap<string, Resource>, Map<string, Body>>();

/** All resources of a type, framed, made once per version however many clients connect. */
export function* wholeBody(
  view: ResourceView,
  type: TypeUrl,
  transport: 'sotw' | 'delta',
  anyType: AnyType,
): Generator<void, readonly Buffer[]> {
  const resources = view.resources(type);
  if (!(resources instanceof LayeredMap) || resources.hides)
    return yield* bodyOf(resources, view.version(type), transport, anyType);
  // A node's own few after what it shares with the others.
  const own = frameAll([...resources.upper.values()], transport, anyType);
  return [...(yield* bodyOf(resources.lower, resources.lowerVersion, transport, anyType)), own];
}

function* bodyOf(
  resources: ReadonlyMap<string, Resource>,
  version: string,
  transport: 'sotw' | 'delta',
  anyType: AnyType,
): Generator<void, readonly Buffer[]> {
  let ofMap = bodies.get(resources);
  if (ofMap === undefined) {
    ofMap = new Map();
    bodies.set(resources, ofMap);
  }
  let body = ofMap.get(transport);
  if (body?.version !== version) {
    body = { version, parts: new SharedSteps(framesInSteps([...resources.values()], transport, anyType)) };
    ofMap.set(transport, body);
  }
  return yield* body.parts.run();
}
