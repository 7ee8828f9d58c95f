import type { TypeUrl } from '@isthmus/model';
import { deltaResponse, emptyAssignmentFrame, nothingByThatNameFrame, resourceFrame, sotwResponse } from './frames.ts';
import type { AnyType } from './frames.ts';
import type { ResourceView } from './resource-provider.ts';
import type { Push } from './push.ts';
import { listBody } from './list-body.ts';
import { ttlFrame } from './ttl-frames.ts';
import { EDS, VHDS } from './type-urls.ts';
import { wholeBody } from './whole-body.ts';

const MOST_KEPT_FRAMES = 256;
/** Of more parts than that the short ones are put together. */
const MOST_PARTS = 16;
/** Long enough to be written as it is. */
const LONG_PART = 16 * 1024;

export interface PushToEncode {
  readonly view: ResourceView;
  readonly type: TypeUrl;
  readonly transport: 'sotw' | 'delta';
  readonly anyType: AnyType;
  readonly nonce: string;
  readonly push: Push;
  /** ms; see `ttlFrame`. */
  readonly ttl?: number | undefined;
}

/**
 * The response message in parts, large ones shared by all streams that get the same; undefined when there is nothing that the client would have to be told. Yields where the event
 * loop should have its turn, in large messages only: what is encoded is what there was at the first step.
 */
export function* encodePush({
  view,
  type,
  transport,
  anyType,
  nonce,
  push,
  ttl,
}: PushToEncode): Generator<void, readonly Buffer[] | undefined> {
  const frames: Buffer[] = [];
  const version = view.version(type);
  if (ttl !== undefined) frames.push(...(yield* expiring(view, type, push, transport, anyType, ttl)));
  else if (push.everything) frames.push(...(yield* wholeBody(view, type, transport, anyType)));
  // Changes go to every stream, so their frames are kept; what one client is told at its start is not.
  if (ttl === undefined && push.resources.length > MOST_KEPT_FRAMES)
    frames.push(...(yield* listBody(push.resources, transport, anyType)));
  else if (ttl === undefined) for (const resource of push.resources) frames.push(...resourceFrame(resource, transport, anyType));
  // Only EDS has a message for "nothing": of an unknown route the client learns by an answer without it.
  if (type === EDS && transport === 'sotw')
    for (const name of push.unknown) if (name !== '') frames.push(emptyAssignmentFrame(EDS, name));
  let { removed } = push;
  if (type === VHDS && push.unknown.length > 0) {
    for (const name of push.unknown) frames.push(nothingByThatNameFrame(name));
    removed = removed.filter((name) => !push.unknown.includes(name));
  }
  if (frames.length === 0 && removed.length === 0 && !push.answers) return undefined;
  const parts = frames.length > MOST_PARTS ? [...inFewer(frames)] : frames;
  return transport === 'sotw' ? sotwResponse(type, version, nonce, parts) : deltaResponse(type, version, nonce, parts, removed);
}

function* inFewer(frames: readonly Buffer[]): Generator<Buffer> {
  let short: Buffer[] = [];
  for (const frame of frames) {
    if (frame.length < LONG_PART) {
      short.push(frame);
      continue;
    }
    if (short.length > 0) yield Buffer.concat(short);
    short = [];
    yield frame;
  }
  if (short.length > 0) yield Buffer.concat(short);
}

function* expiring(
  view: ResourceView,
  type: TypeUrl,
  { everything, resources }: Push,
  transport: 'sotw' | 'delta',
  anyType: AnyType,
  ttl: number,
): Generator<void, readonly Buffer[]> {
  const all = everything ? [...view.resources(type).values(), ...resources] : resources;
  const frames: Buffer[] = [];
  for (const [n, resource] of all.entries()) {
    if (n % MOST_KEPT_FRAMES === MOST_KEPT_FRAMES - 1) yield;
    frames.push(ttlFrame(resource, transport, anyType, ttl));
  }
  return frames;
}
