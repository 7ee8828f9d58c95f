import { IsthmusError } from '@isthmus/model';
import type { LedgerHead, LedgerStore } from '@isthmus/model';
import type { LedgerPlace } from '@isthmus/registry';
import type { ConsulConfig } from './config.ts';
import { KvClient } from './kv-client.ts';
import type { KvAnswer } from './kv-client.ts';

/** A transaction takes 512 KiB, and the head is written by one. Blobs stay clear of the limit of a key. */
const MOST_BLOB_BYTES = 400_000;
/** How long Consul holds the wait for a new head; a leader writes one more often. */
const WAIT_S = 60;

/**
 * A shared ledger in Consul's KV: PREFIX/head and PREFIX/blobs/…. The version of the head is its ModifyIndex. Sessions and
 * locks are not used: a session lives for 10 s at least, and a lock does not stop the write of a holder that was paused;
 * compare-and-set does (docs/adr/0016-replicas.md).
 */
export class ConsulLedgerStore implements LedgerStore {
  readonly mostBlobBytes = MOST_BLOB_BYTES;
  readonly where: string;
  readonly #client: KvClient;
  readonly #prefix: string;
  /** What the last read saw, and the index to wait from. */
  #seen: { readonly version: string | undefined; readonly index: number } | undefined;

  constructor(config: ConsulConfig, place: LedgerPlace, baseDir: string) {
    this.#client = new KvClient(config, baseDir);
    this.#prefix = place.name.replaceAll(/^\/+|\/+$/g, '');
    this.where = `Consul KV ${this.#prefix} at ${config.servers.join(', ')}`;
  }

  readHead(signal: AbortSignal): Promise<LedgerHead | undefined> {
    return this.#get('consistent', signal);
  }

  async nextHead(version: string | undefined, signal: AbortSignal): Promise<LedgerHead | undefined> {
    const { index } = this.#seen?.version === version ? (this.#seen ?? NOTHING_SEEN) : NOTHING_SEEN;
    return this.#get(index > 0 ? `index=${index}&wait=${WAIT_S}s` : '', signal);
  }

  async writeHead(text: string, expected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    // PUT ?cas= does not say the new index; a transaction of one operation does.
    const cas = {
      Verb: 'cas',
      Key: `${this.#prefix}/head`,
      Value: Buffer.from(text).toString('base64'),
      Index: Number(expected ?? 0),
    };
    const answer = await this.#client.call(
      { method: 'PUT', path: 'txn', body: Buffer.from(JSON.stringify([{ KV: cas }])) },
      signal,
    );
    if (answer.status === 409) return undefined;
    const results = (json(answer) as { Results?: { KV?: { ModifyIndex?: unknown } }[] }).Results;
    const index = results?.[0]?.KV?.ModifyIndex;
    if (answer.status !== 200 || typeof index !== 'number') throw unexpected(answer);
    return String(index);
  }

  async readBlob(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const answer = await this.#client.call({ method: 'GET', path: `${this.#path(name)}?raw` }, signal);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw unexpected(answer);
    return answer.body;
  }

  async writeBlob(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const answer = await this.#client.call({ method: 'PUT', path: this.#path(name), body: bytes }, signal);
    if (answer.status !== 200 || answer.body.toString().trim() !== 'true') throw unexpected(answer);
  }

  async removeBlob(name: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#client.call({ method: 'DELETE', path: this.#path(name) }, signal);
    if (answer.status !== 200) throw unexpected(answer);
  }

  async listBlobs(signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#client.call({ method: 'GET', path: `${this.#path('')}?keys` }, signal);
    if (answer.status === 404) return [];
    const keys = json(answer);
    if (!Array.isArray(keys)) throw unexpected(answer);
    return keys.map((key) => String(key).slice(`${this.#prefix}/blobs/`.length));
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #get(query: string, signal: AbortSignal): Promise<LedgerHead | undefined> {
    const path = `kv/${encoded(this.#prefix)}/head${query === '' ? '' : `?${query}`}`;
    const answer = await this.#client.call({ method: 'GET', path }, signal);
    if (answer.status !== 200 && answer.status !== 404) throw unexpected(answer);
    const head = answer.status === 404 ? undefined : headOf(answer);
    // An index that went back is of a Consul that lost its data: ask without waiting.
    const index = answer.index < (this.#seen?.index ?? 0) ? 0 : answer.index;
    this.#seen = { version: head?.version, index };
    return head;
  }

  #path(name: string): string {
    return `kv/${encoded(this.#prefix)}/blobs/${name}`;
  }
}

const NOTHING_SEEN = { version: undefined, index: 0 };

function encoded(prefix: string): string {
  return prefix.split('/').map(encodeURIComponent).join('/');
}

function headOf(answer: KvAnswer): LedgerHead {
  const [entry] = (json(answer) ?? []) as { ModifyIndex?: unknown; Value?: unknown }[];
  if (typeof entry?.ModifyIndex !== 'number') throw unexpected(answer);
  const text = typeof entry.Value === 'string' ? Buffer.from(entry.Value, 'base64').toString('utf8') : '';
  return { version: String(entry.ModifyIndex), text };
}

function json({ body }: KvAnswer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function unexpected(answer: KvAnswer): IsthmusError {
  if (answer.status === 413) {
    return new IsthmusError(
      'ledger.unwritable',
      `Consul takes no value of this size: ${answer.body.subarray(0, 100).toString('latin1')}`,
      {
        meaning: 'nothing more is written; what is in the store stays in force',
        remedy:
          'set limits.kv_max_value_size and limits.txn_max_req_len of the Consul servers to 512 KiB, their default, or more',
      },
    );
  }
  return new IsthmusError(
    'ledger.unreachable',
    `an answer is not Consul's: ${answer.status} ${answer.body.subarray(0, 100).toString('latin1')}`,
    {
      remedy: 'check that the servers are Consul agents, with no proxy in between that answers for them',
    },
  );
}
