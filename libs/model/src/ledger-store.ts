/** The one document of a shared ledger that is changed in place. */
export interface LedgerHead {
  /** Opaque; differs whenever the text was written again. */
  readonly version: string;
  readonly text: string;
}

/**
 * Where several replicas keep one ledger. Narrow on purpose: one small document with compare-and-set, and blobs that are
 * written once under a new name each. Everything that has to be atomic is in the head (docs/adr/0016-replicas.md), so a
 * store needs neither locks nor transactions. Every call rejects with an IsthmusError `ledger.unreachable` or
 * `ledger.forbidden`, and ends when its signal aborts.
 */
export interface LedgerStore {
  /** For messages: "Consul KV isthmus/shop at http://127.0.0.1:8500". */
  readonly where: string;
  /** Longest blob that it takes, bytes. */
  readonly mostBlobBytes: number;
  /** Undefined: there is none. */
  readHead(signal: AbortSignal): Promise<LedgerHead | undefined>;
  /** The head as soon as it differs from `version` (undefined: none); may also return early with the same. */
  nextHead(version: string | undefined, signal: AbortSignal): Promise<LedgerHead | undefined>;
  /** Writes the head if it still has that version (undefined: if there is none). The new version; undefined: it has another. */
  writeHead(text: string, expected: string | undefined, signal: AbortSignal): Promise<string | undefined>;
  /** Undefined: there is none of that name. */
  readBlob(name: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  writeBlob(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** One that is not there is fine. */
  removeBlob(name: string, signal: AbortSignal): Promise<void>;
  /** Undefined: the store cannot list, or may not. */
  listBlobs(signal: AbortSignal): Promise<readonly string[] | undefined>;
  close(): Promise<void>;
}
