import type { LedgerHead, LedgerStore } from '@isthmus/model';
import type { LedgerPlace } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import { listenToConfigs, md5, queryConfig, tenantOf } from './config-listen.ts';
import { ConfigWire, abortable } from './config-wire.ts';
import { NacosRefusal } from './errors.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';

/** Blobs are base64 in a config, which Nacos refuses above 10 MB; MySQL's packets are smaller. */
const MOST_BLOB_BYTES = 300_000;
/** How long a write of ours may take until every query knows it: Nacos answers queries from a dump that follows. */
const DUMP_MS = 2_000;
const PAGE = 500;

/**
 * A shared ledger in configs: PREFIX.head and PREFIX.blob.…, base64. Nacos has no locks; its publishing has `casMd5`, which
 * is one SQL statement, and so the version of the head is the MD5 of its text, which never has the same text twice. Queries
 * may answer an older head for a moment, and followers may believe it: whoever acts on it loses the compare-and-set.
 */
export class NacosLedgerStore implements LedgerStore {
  readonly mostBlobBytes = MOST_BLOB_BYTES;
  readonly where: string;
  readonly #wire: ConfigWire;
  readonly #place: { readonly group: string; readonly tenant: string };
  readonly #prefix: string;
  readonly #waiting = new Set<() => void>();
  #wroteAt = Number.NEGATIVE_INFINITY;

  constructor(config: NacosConfig, place: LedgerPlace, baseDir: string) {
    const namespace = place.namespace ?? 'public';
    this.#place = { group: place.group ?? 'ISTHMUS', tenant: tenantOf(namespace) };
    this.#prefix = place.name;
    this.where = `Nacos configs ${place.name}.* in ${namespace}/${this.#place.group} at ${config.servers.join(', ')}`;
    this.#wire = new ConfigWire(config, baseDir, namespace, (dataId) => {
      if (dataId === '' || dataId === this.#head) for (const wake of [...this.#waiting]) wake();
    });
  }

  async readHead(signal: AbortSignal): Promise<LedgerHead | undefined> {
    const text = await this.#query(this.#head, signal);
    return text === undefined ? undefined : { version: md5(text), text };
  }

  async nextHead(version: string | undefined, signal: AbortSignal): Promise<LedgerHead | undefined> {
    let wake: () => void = () => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    this.#waiting.add(wake);
    try {
      const known = { dataId: this.#head, md5: version ?? '', ...this.#place };
      const changed = await listenToConfigs(this.#wire, [known], signal);
      if (changed.length === 0) await abortable(woken, signal);
      return await this.readHead(signal);
    } finally {
      this.#waiting.delete(wake);
    }
  }

  async writeHead(text: string, expected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    // With casMd5, too, Nacos makes a config that is not there: a store that lost its data must not look as if it had it.
    const isSettled = performance.now() - this.#wroteAt > DUMP_MS;
    if (expected !== undefined && isSettled && (await this.readHead(signal)) === undefined) return undefined;
    try {
      await this.#publish(this.#head, text, { casMd5: expected ?? md5('') }, signal);
    } catch (thrown) {
      if (thrown instanceof NacosRefusal && /cas publish fail/i.test(thrown.message)) return undefined;
      throw thrown;
    }
    this.#wroteAt = performance.now();
    return md5(text);
  }

  async readBlob(name: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const text = await this.#query(this.#blob(name), signal);
    return text === undefined ? undefined : Buffer.from(text, 'base64');
  }

  async writeBlob(name: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#publish(this.#blob(name), Buffer.from(bytes).toString('base64'), {}, signal);
  }

  async removeBlob(name: string, signal: AbortSignal): Promise<void> {
    await this.#wire.ask('ConfigRemoveRequest', { dataId: this.#blob(name), ...this.#place }, signal);
  }

  /** By the HTTP API, of Nacos 2 or of 3, where it is for administrators. */
  async listBlobs(signal: AbortSignal): Promise<readonly string[] | undefined> {
    const dataId = `${this.#blob('')}*`;
    const { group, tenant } = this.#place;
    const names: string[] = [];
    for (let pageNo = 1; ; pageNo += 1) {
      const page = { search: 'blur', dataId, pageNo: String(pageNo), pageSize: String(PAGE) };
      const body =
        (await this.#wire.get('/v3/admin/cs/config/list', { ...page, groupName: group, namespaceId: tenant }, signal)) ??
        (await this.#wire.get('/v1/cs/configs', { ...page, group, tenant, appName: '', config_tags: '' }, signal));
      if (body === undefined) return undefined;
      const json = readJsonObject(body, 'the list of configs');
      const items = ((json['data'] ?? json) as Json)['pageItems'];
      if (!Array.isArray(items)) return undefined;
      for (const item of items as Json[]) names.push(String(item['dataId']).slice(this.#blob('').length));
      if (items.length < PAGE) return names;
    }
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  get #head(): string {
    return `${this.#prefix}.head`;
  }

  #blob(name: string): string {
    return `${this.#prefix}.blob.${name}`;
  }

  #query(dataId: string, signal: AbortSignal): Promise<string | undefined> {
    return queryConfig(this.#wire, { dataId, ...this.#place }, signal);
  }

  async #publish(dataId: string, content: string, more: Json, signal: AbortSignal): Promise<void> {
    const additionMap = { type: 'text', desc: 'Isthmus: shared ledger of a bridge' };
    await this.#wire.ask('ConfigPublishRequest', { dataId, content, additionMap, ...this.#place, ...more }, signal);
  }
}
