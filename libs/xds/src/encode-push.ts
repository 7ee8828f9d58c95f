import type { TypeUrl } from '@isthmus/model';
import { deltaFrame, deltaResponse, emptyAssignmentFrame, sotwFrame, sotwResponse } from './frames.ts';
import type { AnyType } from './frames.ts';
import type { ResourceView } from './resource-provider.ts';
import type { Push } from './subscription.ts';
import { EDS } from './type-urls.ts';
import { wholeBody } from './whole-body.ts';

export interface PushToEncode {
  readonly view: ResourceView;
  readonly type: TypeUrl;
  readonly transport: 'sotw' | 'delta';
  readonly anyType: AnyType;
  readonly nonce: string;
  readonly push: Push;
}

/** The response message; undefined when there is nothing that the client would have to be told. */
export function encodePush({ view, type, transport, anyType, nonce, push }: PushToEncode): Buffer | undefined {
  const frames: Buffer[] = [];
  if (push.everything) frames.push(wholeBody(view, type, transport, anyType));
  else {
    const frame = transport === 'sotw' ? sotwFrame : deltaFrame;
    for (const resource of push.resources) frames.push(frame(resource, anyType));
  }
  // Only EDS has a message for "nothing": of an unknown route the client learns by an answer without it.
  if (type === EDS) for (const name of push.unknown) if (name !== '') frames.push(emptyAssignmentFrame(EDS, name));
  if (frames.length === 0 && push.removed.length === 0 && !push.answers) return undefined;
  const version = view.version(type);
  if (transport === 'sotw') return sotwResponse(type, version, nonce, frames);
  return deltaResponse(type, version, nonce, frames, push.removed);
}
