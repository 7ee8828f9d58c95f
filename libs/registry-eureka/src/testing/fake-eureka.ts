import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { WireInstance } from './wire-instance.ts';

/** An answer that a test puts in the place of the server's own. */
export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The connection is cut after the body instead of being ended. */
  readonly cut?: boolean;
  /** Nothing comes after the body, and no end either. */
  readonly hang?: boolean;
}

/** `check`: the delta in XML. */
type AnswerKind = 'full' | 'delta' | 'check';

interface Change {
  readonly at: number;
  readonly instance: WireInstance;
}

/** How long a server's delta repeats a change (`retentionTimeInMSInDeltaQueue`). */
const DELTA_MS = 180_000;

/**
 * Eureka's REST as far as a reader sees it, over a real socket: list, delta with its queue of three minutes, status
 * hash, version, gzip, basic authentication. Behaves as Spring Cloud 2025.0 did on the wire (test data of this library).
 */
export class FakeEureka {
  readonly #apps = new Map<string, Map<string, WireInstance>>();
  #changes: Change[] = [];
  #version = 0;
  #updated = 0;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #hanging = false;
  /** Basic credentials that are asked for, `user:password`. */
  account: string | undefined;
  /** Lists with one entry are sent as that entry, as servers do whose JSON is made from XML. */
  singleAsObject = false;
  /** Paths that were asked for, in order. */
  readonly requests: string[] = [];
  /** A list whose status counts do not agree with this makes readers read everything again. */
  hashOverride: string | undefined;
  /** Answers come from a cache that every change empties, as those of a real server; without it each one is made anew. */
  caches = false;
  readonly #cache = new Map<AnswerKind, string>();
  #whileMaking: { readonly kind: AnswerKind; readonly change: () => void } | undefined;
  readonly #scripts = new Map<AnswerKind, ScriptedAnswer>();
  readonly #pages = new Map<string, string>();

  readonly #tls: { readonly certFile: string; readonly keyFile: string } | undefined;

  /** @param tls PEM files; without them it speaks plain HTTP. */
  constructor(tls?: { readonly certFile: string; readonly keyFile: string }) {
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}/eureka`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async start(): Promise<void> {
    const answer = (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response);
    const server =
      this.#tls === undefined
        ? createServer(answer)
        : createTlsServer({ cert: readFileSync(this.#tls.certFile), key: readFileSync(this.#tls.keyFile) }, answer);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#hanging = false;
    for (const socket of this.#sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** What a restart does to a server without peers. */
  forgetEverything(): void {
    this.#apps.clear();
    this.#cache.clear();
    this.#changes = [];
    this.#version = 0;
  }

  /** Accepts connections and requests and answers nothing. */
  hang(): void {
    this.#hanging = true;
  }

  resume(): void {
    this.#hanging = false;
    for (const socket of this.#sockets) socket.destroy(); // what hung is answered no more
  }

  /** Undefined takes the script back. */
  script(kind: AnswerKind, answer: ScriptedAnswer | undefined): void {
    if (answer === undefined) this.#scripts.delete(kind);
    else this.#scripts.set(kind, answer);
  }

  /** A change that comes while an answer is made for the cache, and so is not in it (google/guava#1881); once. */
  whileMaking(kind: AnswerKind, change: () => void): void {
    this.#whileMaking = { kind, change };
  }

  /** Another page of the server: its dashboard at `/`, its `/eureka/status`. */
  page(path: string, body: string): void {
    this.#pages.set(path, body);
  }

  /** Names come back in upper case, as from a real server. */
  register(instance: WireInstance): void {
    const app = instance.app.toUpperCase();
    const instances = this.#apps.get(app) ?? new Map<string, WireInstance>();
    const action = instances.has(instance.instanceId) ? 'MODIFIED' : 'ADDED';
    this.#apps.set(app, instances.set(instance.instanceId, this.#changed({ ...instance, app }, action)));
  }

  deregister(app: string, id: string): void {
    const instance = this.#apps.get(app.toUpperCase())?.get(id);
    if (instance === undefined) return;
    this.lose(app, id);
    this.#changed(instance, 'DELETED');
  }

  /** `PUT …/status?value=OUT_OF_SERVICE`; undefined is `DELETE …/status?value=UP`. */
  override(app: string, id: string, status: string | undefined): void {
    const instance = this.#apps.get(app.toUpperCase())?.get(id);
    if (instance === undefined) return;
    this.register({ ...instance, status: status ?? 'UP', overriddenStatus: status ?? 'UNKNOWN' });
  }

  /** Gone without a trace in the delta, as after a queue that was too short. */
  lose(app: string, id: string): void {
    const name = app.toUpperCase();
    const instances = this.#apps.get(name);
    instances?.delete(id);
    if (instances?.size === 0) this.#apps.delete(name);
  }

  #changed(instance: WireInstance, actionType: string): WireInstance {
    this.#updated = Math.max(Date.now(), this.#updated + 1);
    const changed = { ...instance, lastUpdatedTimestamp: String(this.#updated), actionType };
    const oldest = Date.now() - DELTA_MS;
    this.#changes = this.#changes.filter((change) => change.at > oldest);
    this.#changes.push({ at: Date.now(), instance: changed });
    this.#cache.clear();
    return changed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const asksXml = request.headers.accept === 'application/xml';
    this.requests.push(asksXml ? `${path} in XML` : path);
    if (this.#hanging) return;
    const delta = asksXml ? 'check' : 'delta';
    const kind = path === '/eureka/apps/delta' ? delta : path === '/eureka/apps/' ? 'full' : undefined;
    const script = kind && this.#scripts.get(kind);
    if (script !== undefined) return sendScript(response, script);
    if (this.account !== undefined && request.headers.authorization !== `Basic ${Buffer.from(this.account).toString('base64')}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="Realm"' }).end();
      return;
    }
    if (kind === undefined) {
      const page = this.#pages.get(path);
      response.writeHead(page === undefined ? 404 : 200).end(page);
      return;
    }
    const body = Buffer.from(this.#body(kind));
    const gzip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    const type = kind === 'check' ? 'application/xml' : 'application/json';
    response.writeHead(200, { 'content-type': type, ...(gzip ? { 'content-encoding': 'gzip' } : {}) });
    response.end(gzip ? gzipSync(body, { level: 1 }) : body);
  }

  #body(kind: AnswerKind): string {
    const cached = this.caches ? this.#cache.get(kind) : undefined;
    if (cached !== undefined) return cached;
    const instances = kind === 'full' ? [...this.#apps.values()].flatMap((app) => [...app.values()]) : this.#lastChanges();
    const made = kind === 'check' ? this.#xml(instances) : JSON.stringify(this.#list(kind, instances));
    if (this.#whileMaking?.kind === kind) {
      this.#whileMaking.change();
      this.#whileMaking = undefined;
    }
    this.#cache.set(kind, made);
    return made;
  }

  /** As much of the XML as tells its age. */
  #xml(instances: readonly WireInstance[]): string {
    this.#version += 1;
    const changes = instances.map(
      (one) => `    <lastUpdatedTimestamp>${String(one['lastUpdatedTimestamp'])}</lastUpdatedTimestamp>`,
    );
    const head = `  <versions__delta>${this.#version}</versions__delta>\n  <apps__hashcode>${this.hashOverride ?? this.#hash()}</apps__hashcode>`;
    return `<applications>\n${head}\n${changes.join('\n')}\n</applications>\n`;
  }

  /** The last change of each instance: the queue refers to one object an instance. */
  #lastChanges(): readonly WireInstance[] {
    return [...new Map(this.#changes.map(({ instance }) => [`${instance.app} ${instance.instanceId}`, instance])).values()];
  }

  #list(kind: 'full' | 'delta', instances: readonly WireInstance[]): unknown {
    const single = (list: readonly unknown[]) => (this.singleAsObject && list.length === 1 ? list[0] : list);
    const byApp = Map.groupBy(instances, (instance) => instance.app);
    const applications = [...byApp].map(([name, list]) => ({ name, instance: single(list) }));
    if (kind === 'delta') this.#version += 1;
    return {
      applications: {
        versions__delta: String(kind === 'delta' ? this.#version : 1),
        apps__hashcode: this.hashOverride ?? this.#hash(),
        application: single(applications),
      },
    };
  }

  #hash(): string {
    const counts = new Map<string, number>();
    for (const app of this.#apps.values())
      for (const { status } of app.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
    return [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([status, count]) => `${status}_${count}_`)
      .join('');
  }
}

function sendScript(
  response: ServerResponse,
  { status = 200, headers = {}, body = '', cut = false, hang = false }: ScriptedAnswer,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  if (hang) response.write(body);
  else if (cut) response.write(body, () => response.destroy());
  else response.end(body);
}
