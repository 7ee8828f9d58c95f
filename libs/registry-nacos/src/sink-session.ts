import { IsthmusError } from '@isthmus/model';
import { marksOf, marksToMetadata } from '@isthmus/registry';
import type { ListedEntry, PublishedName, SinkEntry, SinkSession } from '@isthmus/registry';
import { REFUSED, refusal } from './errors.ts';
import type { HttpAnswer, HttpClient } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { Json } from './json-body.ts';
import type { NacosLogin } from './login.ts';
import type { ServerAddress } from './server-address.ts';

/** Nacos 3's own API for clients, and the one of 1 and 2, which 3 still has unless it was switched off (410 then). */
type Dialect = 'v1' | 'v3';

/** "Instance not found", of a beat: over v1 in the field `code`, over v3 too. */
const NOT_FOUND = { v1: 20_404, v3: 21_003 } as const;
/** Nacos refuses an instance whose metadata has more characters than this, as JSON. */
const MOST_METADATA = 1_024;

export interface NacosSessionParts {
  readonly http: HttpClient;
  readonly login: NacosLogin;
  readonly server: ServerAddress;
  /** Where a name has no namespace of its own. */
  readonly namespace: string;
  readonly deadlineMs: number;
}

/**
 * Ephemeral instances with beats over HTTP, as SDKs of Nacos 1 and npm `nacos` register them. Not over gRPC: such instances
 * hang on the connection, and a bridge that restarts would take all of them away for as long as it needs to start.
 */
export class NacosSinkSession implements SinkSession {
  readonly #parts: NacosSessionParts;
  readonly #dialect: Dialect;

  private constructor(parts: NacosSessionParts, dialect: Dialect) {
    this.#parts = parts;
    this.#dialect = dialect;
  }

  /** Logs in and finds out what the server speaks. @throws IsthmusError */
  static async open(parts: NacosSessionParts, signal: AbortSignal): Promise<NacosSinkSession> {
    await parts.login.ensure(parts.server, signal);
    const query = { serviceName: 'isthmus', groupName: 'DEFAULT_GROUP', namespaceId: parts.namespace };
    const answer = await send(parts, 'GET', '/v3/client/ns/instance/list', query, signal);
    return new NacosSinkSession(parts, answer.status === 404 || answer.status === 501 ? 'v1' : 'v3');
  }

  async list(at: PublishedName, signal: AbortSignal): Promise<readonly ListedEntry[]> {
    const path = this.#dialect === 'v3' ? '/v3/client/ns/instance/list' : '/v1/ns/instance/list';
    const json = await this.#call('GET', path, { ...this.#name(at), healthyOnly: 'false' }, signal);
    const hosts = this.#dialect === 'v3' ? json['data'] : json['hosts'];
    if (!Array.isArray(hosts)) throw new IsthmusError('registry.protocol', `the answer to GET ${path} has no list of instances`);
    return hosts.flatMap((host: Json) => {
      const { ip, port, metadata } = host;
      if (typeof ip !== 'string' || typeof port !== 'number') return [];
      return [{ address: ip, port, marks: marksOf(typeof metadata === 'object' && metadata !== null ? (metadata as Json) : {}) }];
    });
  }

  async register(entry: SinkEntry, signal: AbortSignal): Promise<void> {
    const body = {
      ...this.#name(entry.at),
      ...addressOf(entry),
      weight: String(entry.weight),
      healthy: 'true',
      enabled: 'true',
      metadata: metadataOf(entry),
    };
    await this.#call('POST', this.#instancePath, body, signal);
  }

  async renew(entry: SinkEntry, signal: AbortSignal): Promise<'renewed' | 'unknown'> {
    const query = { ...this.#name(entry.at), ...addressOf(entry) };
    const json =
      this.#dialect === 'v3'
        ? await this.#call('POST', this.#instancePath, { ...query, heartBeat: 'true' }, signal)
        : await this.#call('PUT', '/v1/ns/instance/beat', query, signal);
    return Number(json['code']) === NOT_FOUND[this.#dialect] ? 'unknown' : 'renewed';
  }

  async deregister(entry: SinkEntry, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', this.#instancePath, { ...this.#name(entry.at), ...addressOf(entry) }, signal);
  }

  /** Removes what is not there: the permission to write is looked at before. */
  async mayWrite(at: PublishedName, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', this.#instancePath, { ...this.#name(at), ...addressOf(NOBODY) }, signal);
  }

  close(): void {
    this.#parts.http.close();
  }

  get #instancePath(): string {
    return this.#dialect === 'v3' ? '/v3/client/ns/instance' : '/v1/ns/instance';
  }

  #name({ namespace, group, name }: PublishedName): Record<string, string> {
    const namespaceId = namespace === '' ? this.#parts.namespace : namespace;
    const groupName = group === '' ? 'DEFAULT_GROUP' : group;
    return { namespaceId, groupName, serviceName: this.#dialect === 'v3' ? name : `${groupName}@@${name}` };
  }

  async #call(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    query: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Json> {
    const { login, server } = this.#parts;
    await login.ensure(server, signal);
    let answer = await send(this.#parts, method, path, query, signal);
    if (answer.status === 401 || answer.status === 403) {
      await login.ensure(server, signal, true); // the token may have been revoked, or lost with a restart
      answer = await send(this.#parts, method, path, query, signal);
    }
    return this.#read(`${method} ${path}`, answer);
  }

  #read(what: string, answer: HttpAnswer): Json {
    const said = answer.body.subarray(0, 200).toString('utf8').trim();
    if (answer.status === 401 || answer.status === 403) throw writeDenied(what, said);
    if (answer.status >= 502) throw refusal(what, REFUSED.starting, said); // 503 while it starts; 500 may be about this name only
    if (answer.status !== 200) {
      throw new IsthmusError('registry.protocol', `Nacos refused ${what}: HTTP ${answer.status} ${said}`, {
        meaning: 'the service is not published there',
        remedy: 'look at the message; a name or a namespace that Nacos does not accept is set under publish',
      });
    }
    // Writes over v1 answer the text "ok".
    return said.startsWith('{') ? readJsonObject(answer.body, what) : {};
  }
}

function send(
  { http, login, server, deadlineMs }: NacosSessionParts,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const token = login.current(server);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return http.send({ method, url: `${server.http}${path}?${new URLSearchParams(query)}`, headers, deadlineMs }, signal);
}

/** Nothing is registered with port 1 of this machine. */
const NOBODY = { address: '127.0.0.1', port: 1 };

function addressOf(entry: Pick<SinkEntry, 'address' | 'port'>): Record<string, string> {
  return { ip: entry.address, port: String(entry.port), clusterName: 'DEFAULT', ephemeral: 'true' };
}

/**
 * Times of the lease (`preserved.*`, ms; unhealthy only when it is over, so that a bridge has all of it to start again: Nacos's own
 * default is half of it), what Spring Cloud callers look for, our marks, and as much of the rest as Nacos takes.
 */
function metadataOf(entry: SinkEntry): string {
  const { ttlMs, protocol } = entry;
  const metadata: Record<string, string> = {
    'preserved.register.source': 'SPRING_CLOUD',
    'preserved.heart.beat.interval': String(Math.round(ttlMs / 4)),
    'preserved.heart.beat.timeout': String(ttlMs),
    'preserved.ip.delete.timeout': String(ttlMs),
    ...marksToMetadata(entry.marks),
    ...(protocol === 'https' || protocol === 'tls' ? { secure: 'true' } : {}),
    ...(protocol === 'http' || protocol === 'https' ? {} : { protocol }),
  };
  for (const [key, value] of Object.entries(entry.metadata).sort()) {
    if (key in metadata || key.startsWith('preserved.')) continue;
    if (JSON.stringify({ ...metadata, [key]: value }).length <= MOST_METADATA) metadata[key] = value;
  }
  return JSON.stringify(metadata);
}

function writeDenied(what: string, said: string): IsthmusError {
  return new IsthmusError('registry.auth', `Nacos denied ${what}: ${said}`, {
    meaning: 'the user may not write there, so nothing is published',
    remedy: 'give the user permission rw on the namespace (docs/way-back.md, Rights)',
  });
}
