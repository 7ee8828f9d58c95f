import type { Resource } from '@isthmus/model';
import { resourceFrame } from './frames.ts';
import type { AnyType } from './frames.ts';

interface Few {
  readonly resources: readonly Resource[];
  readonly anyType: AnyType;
  readonly frames: readonly Buffer[];
}

/** Resources; the list of more is kept by `listBody`, and not for as long as the first of them. */
export const FEW = 16;

/** By the first of them: what changes together goes to every stream in the same order. */
const kept = { sotw: new WeakMap<Resource, Few>(), delta: new WeakMap<Resource, Few>() };

/** The frames of a few resources, which go to every stream: the same list for who gets the same. */
export function fewFrames(resources: readonly Resource[], transport: 'sotw' | 'delta', anyType: AnyType): readonly Buffer[] {
  const [first] = resources;
  if (first === undefined) return [];
  if (resources.length === 1) return resourceFrame(first, transport, anyType);
  const known = kept[transport].get(first);
  if (
    known?.anyType === anyType &&
    known.resources.length === resources.length &&
    resources.every((resource, n) => known.resources[n] === resource)
  )
    return known.frames;
  const frames = resources.flatMap((resource) => resourceFrame(resource, transport, anyType));
  kept[transport].set(first, { resources, anyType, frames });
  return frames;
}
