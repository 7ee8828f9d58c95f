import type { Resource } from '@isthmus/model';
import { joinParts } from './fields.ts';
import type { EncodedVirtualHost } from './virtual-hosts.ts';

/** Routes below this are one array; beyond it they are kept as pieces, which other routes with the same virtual hosts have too. */
const WHOLE_BYTES = 256 * 1024;
/** A piece ends with the virtual host that makes it so long, */
const MOST_BYTES = 128 * 1024;
/** … or, as a rule, with one in so many, told by its name: so that a change moves no ends but its own. A power of two. */
const HOSTS_A_PIECE = 16;

/** A long message whose parts are shared: who wants it as one array has it made, which is not kept. */
class LongResource implements Resource {
  readonly name: string;
  readonly version: string;
  readonly parts: readonly Uint8Array[];

  constructor(name: string, version: string, parts: readonly Uint8Array[]) {
    this.name = name;
    this.version = version;
    this.parts = parts;
  }

  get bytes(): Uint8Array {
    return joinParts(this.parts);
  }
}

/** A RouteConfiguration: the fields in front of the virtual hosts, these in order, and those behind them. In steps of a tenth of a millisecond. */
export function* routeResourceSteps(
  name: string,
  version: string,
  front: Uint8Array,
  hosts: readonly EncodedVirtualHost[],
  tail: Uint8Array,
): Generator<void, Resource> {
  if (!isLong(hosts, front.length + tail.length))
    return { name, version, bytes: joinParts([front, ...hosts.flatMap(({ parts }) => parts), tail]) };
  const pieces: Uint8Array[] = [front];
  for (const some of cut(hosts)) {
    const [only] = some;
    // Hundreds of routes of one rule are an array that other routes have already.
    if (only !== undefined && some.length === 1) {
      pieces.push(...only.parts);
    } else {
      pieces.push(pieceOf(some));
    }
    yield; // where nothing is new, too: 10,000 hosts that were last touched long ago are 15 ms of waiting for memory
  }
  pieces.push(tail);
  return new LongResource(name, version, pieces);
}

/** Looks no further than it has to. */
function isLong(hosts: readonly EncodedVirtualHost[], further: number): boolean {
  let size = further;
  return size > WHOLE_BYTES || hosts.some((host) => (size += bytesOf(host)) > WHOLE_BYTES);
}

/** One change of 3.5 MB of routes copied all of them, and fresh memory is what that costs: here it copies one piece. */
function* cut(hosts: readonly EncodedVirtualHost[]): Generator<readonly EncodedVirtualHost[]> {
  let some: EncodedVirtualHost[] = [];
  let size = 0;
  for (const host of hosts) {
    const own = bytesOf(host);
    if (own >= MOST_BYTES && some.length > 0) {
      yield some;
      some = [];
      size = 0;
    }
    some.push(host);
    size += own;
    if (size < MOST_BYTES && !endsPiece(host.name)) continue;
    yield some;
    some = [];
    size = 0;
  }
  if (some.length > 0) yield some;
}

function bytesOf({ parts }: EncodedVirtualHost): number {
  let size = 0;
  for (const part of parts) size += part.length;
  return size;
}

/** FNV-1a. */
function endsPiece(name: string): boolean {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  return ((hash >>> 16) & (HOSTS_A_PIECE - 1)) === 0;
}

/** By the versions of its virtual hosts, as long as a route has it. */
const pieces = new Map<string, WeakRef<Uint8Array>>();
const forgotten = new FinalizationRegistry<string>((key) => {
  if (pieces.get(key)?.deref() === undefined) pieces.delete(key);
});

function pieceOf(hosts: readonly EncodedVirtualHost[]): Uint8Array {
  let key = '';
  for (const { version } of hosts) key += version;
  const known = pieces.get(key)?.deref();
  if (known !== undefined) return known;
  const piece = joinParts(hosts.flatMap(({ parts }) => parts));
  pieces.set(key, new WeakRef(piece));
  forgotten.register(piece, key);
  return piece;
}
