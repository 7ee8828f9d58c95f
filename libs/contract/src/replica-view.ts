/** How this bridge stands to its replicas: `GET /api/v1/replica` */
export interface ReplicaView {
  /** Of this process; `''` where there is one replica. */
  readonly id: string;
  /** `alone`: the ledger is a file, and this is the only replica. */
  readonly role: 'leader' | 'follower' | 'alone';
  /** Grows with every new leader; 0: alone, or none was ever seen. */
  readonly epoch: number;
  /** Of the shared ledger as far as this replica has it; alone: of the file. Equal revisions, equal answers. */
  readonly ledgerRevision: number;
  /** Who leads, as far as is known. */
  readonly leader?: string;
  /** Its control API. */
  readonly leaderControl?: string;
  /** Milliseconds since the store answered last: how far this replica may be behind. */
  readonly storeSilentMs?: number;
  /** Changes that wait for the leader or the store. */
  readonly waiting: number;
  /** Hosts that are not published yet because the leader has not given them an address. */
  readonly withheld: number;
  /** Why the store cannot be used now. */
  readonly problem?: string;
}
