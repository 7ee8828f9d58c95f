import { IsthmusError } from '@isthmus/model';

/** A replica, as others see it. */
export interface Replica {
  readonly id: string;
  /** URL of its control API, where others may reach it. */
  readonly control?: string;
}

/**
 * The whole of a shared ledger in one small document. A replica that has read what `content` names knows the ledger at
 * `revision`. Whoever changes it must have read its version: that is the fencing token.
 */
export interface Head {
  /** Grows by one with every new leader. */
  readonly epoch: number;
  /** Grows by one with every change of the content. */
  readonly revision: number;
  /** Undefined: the last leader went in order. */
  readonly leader: Replica | undefined;
  /** How long others wait for the next sign of the leader, ms. */
  readonly leaseMs: number;
  /** Name of the write that made it, never used again: tells a late success from another's. */
  readonly write: string;
  /** Names of the blobs of the index, in order (`stored-content.ts`). */
  readonly content: readonly string[];
  /**
   * The tables that the leader shares: of these, what `content` does not name is gone. Of others it knows nothing: who has them shares
   * them when it leads. Undefined: a leader of an earlier version, which did not say.
   */
  readonly tables?: readonly string[] | undefined;
  /**
   * Hosts that followers want an address for because the leader does not see them. The one thing that a follower writes: all
   * else, `write` too, stays as the leader wrote it, so that it is no sign of the leader's.
   */
  readonly asks: readonly string[];
}

/** The others ask again once these are answered. */
export const MOST_ASKS = 200;

/** Another one where what is written means something else than before: a version that does not know it leaves all as it is. */
const FORMAT = 2;
/** Read as well: where the end of a `held` was a release of the whole scope, and the head did not say which tables are shared. */
const BEFORE = 1;
/** It has a few hundred. */
const MOST_HEAD_BYTES = 64 * 1024;

export function formatHead(head: Head): string {
  const { asks, ...rest } = head;
  return JSON.stringify({ isthmusLedger: FORMAT, ...rest, leader: head.leader ?? null, ...(asks.length === 0 ? {} : { asks }) });
}

/** @throws IsthmusError `ledger.unreadable` for another version's head, and for what is none. */
export function parseHead(text: string, where: string): Head {
  let json: unknown;
  try {
    json = text.length > MOST_HEAD_BYTES ? undefined : JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (!isObject(json)) throw unreadable(where, 'it is no JSON object');
  if (json['isthmusLedger'] !== FORMAT && json['isthmusLedger'] !== BEFORE) {
    throw unreadable(where, `it has format ${JSON.stringify(json['isthmusLedger'])}, this version reads ${BEFORE} and ${FORMAT}`);
  }
  const { epoch, revision, leader, leaseMs, write, content, tables, asks } = json;
  const counts = [epoch, revision, leaseMs].every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  const named = leader === null || (isObject(leader) && typeof leader['id'] === 'string');
  const listed = isNames(content);
  if (!counts || !named || !listed || typeof write !== 'string')
    throw unreadable(where, 'fields are missing or have another type');
  return {
    epoch: epoch as number,
    revision: revision as number,
    leader: isObject(leader) ? replicaOf(leader) : undefined,
    leaseMs: leaseMs as number,
    write,
    content: content as Head['content'],
    tables: isNames(tables) ? (tables as Head['tables']) : undefined,
    asks: Array.isArray(asks) ? asks.filter((host) => typeof host === 'string').slice(0, MOST_ASKS) : [],
  };
}

function replicaOf(json: Record<string, unknown>): Replica {
  const control = json['control'];
  const url = typeof control === 'string' && URL.canParse(control) && /^https?:$/.test(new URL(control).protocol);
  return { id: String(json['id']), ...(url ? { control } : {}) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && /^[-a-z0-9]{1,100}$/.test(name));
}

function unreadable(where: string, why: string): IsthmusError {
  return new IsthmusError('ledger.unreadable', `the head of the shared ledger cannot be read: ${why}`, {
    where,
    meaning: 'nothing in the store is touched; this replica goes on with what it knows',
    remedy: 'run one version of the bridge on all replicas, or give this mesh a prefix of its own in the store',
  });
}
