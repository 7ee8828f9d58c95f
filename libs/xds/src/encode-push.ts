import type { Resource, TypeUrl } from '@isthmus/model';
import { FEW, fewFrames } from './few-frames.ts';
import { emptyAssignmentFrame, nothingByThatNameFrame } from './frames.ts';
import type { AnyType } from './frames.ts';
import type { ResourceView } from './resource-provider.ts';
import type { Push } from './push.ts';
import { listBody } from './list-body.ts';
import type { Response, SharedResponses } from './shared-responses.ts';
import { ttlFrame } from './ttl-frames.ts';
import { EDS, VHDS } from './type-urls.ts';
import { wholeBody } from './whole-body.ts';

/** Of more parts than that the short ones are put together. */
const MOST_PARTS = 16;
/** Long enough to be written as it is. */
const LONG_PART = 16 * 1024;
/** Expiring resources encoded between two turns of the event loop. */
const STEP = 256;

export interface PushToEncode {
  readonly view: ResourceView;
  readonly type: TypeUrl;
  readonly transport: 'sotw' | 'delta';
  readonly anyType: AnyType;
  readonly push: Push;
  readonly responses: SharedResponses;
  /** The number of the last response of the stream. */
  readonly after: number;
  /** ms; see `ttlFrame`. */
  readonly ttl?: number | undefined;
}

/**
 * The response, shared by all streams that get the same; undefined when there is nothing that the client would have to be told. Yields where the event
 * loop should have its turn, in large messages only: what is encoded is what there was at the first step.
 */
export function* encodePush(what: PushToEncode): Generator<void, Response | undefined> {
  const { view, type, transport, anyType, push, responses, after, ttl } = what;
  const { resources, unknown } = push;
  const version = view.version(type);
  if (ttl === undefined && unknown.length === 0 && push.removed.length === 0) {
    const frames = yield* onlyBody(what);
    if (frames !== undefined) return responses.of(transport, type, version, frames, after);
  }
  const frames: Buffer[] = [];
  if (ttl !== undefined) frames.push(...(yield* expiring(view, type, push, transport, anyType, ttl)));
  else {
    if (push.everything) frames.push(...(yield* wholeBody(view, type, transport, anyType)));
    if (resources.length > 0) frames.push(...(yield* listed(resources, transport, anyType)));
  }
  // Only EDS has a message for "nothing": of an unknown route the client learns by an answer without it.
  if (type === EDS && transport === 'sotw')
    for (const name of unknown) if (name !== '') frames.push(emptyAssignmentFrame(EDS, name));
  let { removed } = push;
  if (type === VHDS && unknown.length > 0) {
    for (const name of unknown) frames.push(nothingByThatNameFrame(name));
    removed = removed.filter((name) => !unknown.includes(name));
  }
  if (frames.length === 0 && removed.length === 0 && !push.answers) return undefined;
  const parts = frames.length > MOST_PARTS ? [...inFewer(frames)] : frames;
  return responses.own(transport, type, version, parts, removed);
}

/** The frames of a response that has nothing else, where they are a list that others get too. */
function* onlyBody({ view, type, transport, anyType, push }: PushToEncode): Generator<void, readonly Buffer[] | undefined> {
  if (push.everything && push.resources.length > 0) return undefined;
  const frames = push.everything
    ? yield* wholeBody(view, type, transport, anyType)
    : push.resources.length > 0
      ? yield* listed(push.resources, transport, anyType)
      : [];
  return frames.length > 0 && frames.length <= MOST_PARTS ? frames : undefined;
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

function* listed(
  resources: readonly Resource[],
  transport: 'sotw' | 'delta',
  anyType: AnyType,
): Generator<void, readonly Buffer[]> {
  return resources.length > FEW ? yield* listBody(resources, transport, anyType) : fewFrames(resources, transport, anyType);
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
    if (n % STEP === STEP - 1) yield;
    frames.push(ttlFrame(resource, transport, anyType, ttl));
  }
  return frames;
}
