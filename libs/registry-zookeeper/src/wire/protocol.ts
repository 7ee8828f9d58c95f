import { IsthmusError } from '@isthmus/model';
import type { JuteReader } from './jute.ts';

/** What we send (org.apache.zookeeper.ZooDefs.OpCode); the writing ones are for tests. */
export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  setAcl: 7,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  auth: 100,
  closeSession: -11,
} as const;

/** Numbers in place of a request's own, for what is not an answer to one. */
export const XID = { watch: -1, ping: -2, auth: -4 } as const;

/** KeeperException.Code. */
export const ZK_ERROR = {
  noNode: -101,
  noAuth: -102,
  nodeExists: -110,
  notEmpty: -111,
  sessionExpired: -112,
  authFailed: -115,
  sessionClosedRequireAuth: -124,
} as const;

/** What a watch says; the new state has to be read. */
export const WATCH_EVENT = { created: 1, deleted: 2, dataChanged: 3, childrenChanged: 4 } as const;

export interface Stat {
  /** Transaction that created the node, and its time in milliseconds: together they tell a node from one that was made anew. */
  readonly czxid: bigint;
  readonly ctime: bigint;
  readonly numChildren: number;
}

export function readStat(from: JuteReader): Stat {
  const czxid = from.long();
  from.long(); // mzxid
  const ctime = from.long();
  from.long(); // mtime
  for (let n = 0; n < 3; n += 1) from.int(); // versions
  from.long(); // ephemeralOwner
  from.int(); // dataLength
  const numChildren = from.int();
  from.long(); // pzxid
  return { czxid, ctime, numChildren };
}

/** ZooKeeper answered and refused. The connection goes on. */
export class ZkRefusal extends IsthmusError {
  readonly zkCode: number;

  constructor(zkCode: number, path: string) {
    const denied = zkCode === ZK_ERROR.noAuth;
    super(denied ? 'registry.auth' : 'registry.protocol', `${path}: ${describe(zkCode)}`, {
      meaning: 'it cannot be read',
      remedy: denied
        ? 'give the user of `auth` the right r (read) on that node and those below it, or correct its password'
        : 'look at the log of ZooKeeper',
    });
    this.zkCode = zkCode;
  }
}

export function isRefusal(thrown: unknown, zkCode: number): boolean {
  return IsthmusError.is(thrown) && (thrown as Partial<ZkRefusal>).zkCode === zkCode;
}

function describe(zkCode: number): string {
  switch (zkCode) {
    case ZK_ERROR.noNode:
      return 'there is no such node (NoNode)';
    case ZK_ERROR.noAuth:
      return 'permission denied (NoAuth)';
    case ZK_ERROR.sessionExpired:
      return 'the session has expired';
    default:
      return `ZooKeeper refuses with error ${zkCode}`;
  }
}
