import type { TypeUrl } from '@isthmus/model';
import type { AnyType } from './frames.ts';
import { deltaFrame, sotwFrame } from './frames.ts';
import type { ResourceView } from './resource-provider.ts';

interface Body {
  readonly version: string;
  readonly bytes: Buffer;
}

const bodies = new WeakMap<ResourceView, Map<string, Body>>();

/** All resources of a type in one buffer, made once per version and view however many clients connect. */
export function wholeBody(view: ResourceView, type: TypeUrl, transport: 'sotw' | 'delta', anyType: AnyType): Buffer {
  const version = view.version(type);
  let ofView = bodies.get(view);
  if (ofView === undefined) {
    ofView = new Map();
    bodies.set(view, ofView);
  }
  const key = `${transport} ${type}`;
  const known = ofView.get(key);
  if (known?.version === version) return known.bytes;
  const frame = transport === 'sotw' ? sotwFrame : deltaFrame;
  const bytes = Buffer.concat([...view.resources(type).values()].map((resource) => frame(resource, anyType)));
  ofView.set(key, { version, bytes });
  return bytes;
}
