import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Agent } from 'node:http';
import type { KubeAccess } from '../access.ts';
import { pathOf } from '../resource.ts';
import type { KubeObject, Resource } from '../resource.ts';
import { json, plain, selected, status, verbOf } from './fake-answers.ts';
import type { Preconditions } from './fake-answers.ts';
import { ObjectStore, storeKey } from './object-store.ts';
import type { StoreEvent } from './object-store.ts';

const ITEM = /^\/(?:api|apis\/[^/]+)\/[^/]+(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/;

/**
 * A scripted API server in this process: lists by pages, watches, writes, and everything that can go wrong on command. It takes
 * any kind of object. What it does is what the contract tests have seen the real one do.
 */
export class FakeApi {
  /** Bearer tokens that are let in. */
  tokens = new Set(['right']);
  /** `verb plural` that is forbidden: `list pods`. */
  readonly forbidden = new Set<string>();
  /** Plurals whose kind is not installed. */
  readonly unknown = new Set<string>();
  /** Method and path with query of every request, in order. */
  readonly requests: string[] = [];
  /** Answered to the next request whose line matches, once. */
  readonly answerOnce: { readonly match: RegExp; readonly status: number; readonly headers?: Record<string, string> }[] = [];
  version = '1.36.3';
  /** Every answer comes so much later. */
  delayMs = 0;
  /** Difference of its clock from ours in the `Date` header, milliseconds. */
  clockSkewMs = 0;

  readonly #stores = new Map<string, ObjectStore>();
  readonly #watches = new Set<ServerResponse>();
  readonly #sockets = new Set<Socket>();
  #revision = 100;
  #server: Server | undefined;
  #port = 0;
  #hanging: (() => void)[] | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get watches(): number {
    return this.#watches.size;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy()); // whoever asked has gone
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.resume();
    for (const socket of this.#sockets) socket.destroy();
    this.#watches.clear();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  /** Accepts connections and answers nothing. */
  hang(): void {
    this.#hanging ??= [];
  }

  resume(): void {
    const waiting = this.#hanging ?? [];
    this.#hanging = undefined;
    for (const go of waiting) go();
  }

  /** etcd lost its data: everything gone, revisions from the beginning. */
  wipe(): void {
    this.#stores.clear();
    this.#revision = 1;
  }

  /** Old watches are `410 Gone` from now on. */
  compact(): void {
    for (const store of this.#stores.values()) store.forget(this.#revision);
  }

  /** Connections of watches break without a word. */
  breakWatches(): void {
    for (const watch of this.#watches) watch.destroy();
  }

  /** Watches end in order, as at their `timeoutSeconds`. */
  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  /** Sends a line to every watch. */
  say(line: object | string): void {
    for (const watch of this.#watches) watch.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  }

  /** A change that no watch is told of: what the watchdog is for. */
  changeInSilence(resource: Resource, object: KubeObject): void {
    const store = this.#store(resource.plural);
    const listeners = [...store.listeners];
    store.listeners.clear();
    this.put(resource, object);
    for (const listener of listeners) store.listeners.add(listener);
  }

  access(token = 'right'): KubeAccess {
    const agent = new Agent({ keepAlive: true });
    return {
      server: this.url,
      namespace: 'default',
      credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, agent }),
      renew: () => undefined,
      close: () => agent.destroy(),
    };
  }

  get<T extends KubeObject>(resource: Resource, name: string, namespace = ''): T | undefined {
    return this.#store(resource.plural).objects.get(`${namespace}/${name}`) as T | undefined;
  }

  all<T extends KubeObject>(resource: Resource): readonly T[] {
    return [...this.#store(resource.plural).objects.values()] as T[];
  }

  put<T extends KubeObject>(resource: Resource, object: T): T {
    const store = this.#store(resource.plural);
    const known = store.objects.get(storeKey(object));
    const revision = (this.#revision += 1);
    const uid = known?.metadata.uid ?? object.metadata.uid ?? `uid-${revision}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(revision) } };
    store.objects.set(storeKey(stored), stored);
    store.record(known === undefined ? 'ADDED' : 'MODIFIED', stored, revision);
    return stored;
  }

  remove(resource: Resource, name: string, namespace = ''): boolean {
    const store = this.#store(resource.plural);
    const known = store.objects.get(`${namespace}/${name}`);
    if (known === undefined) return false;
    const revision = (this.#revision += 1);
    store.objects.delete(storeKey(known));
    store.record('DELETED', { ...known, metadata: { ...known.metadata, resourceVersion: String(revision) } }, revision);
    return true;
  }

  #store(plural: string): ObjectStore {
    let store = this.#stores.get(plural);
    if (store === undefined) this.#stores.set(plural, (store = new ObjectStore()));
    return store;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method} ${request.url}`;
    this.requests.push(line);
    response.setHeader('date', new Date(Date.now() + this.clockSkewMs).toUTCString());
    if (this.#hanging !== undefined) await new Promise<void>((go) => this.#hanging?.push(go));
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const scripted = this.answerOnce.findIndex(({ match }) => match.test(line));
    const once = scripted < 0 ? undefined : this.answerOnce.splice(scripted, 1)[0];
    if (once !== undefined) return status(response, once.status, 'scripted', once.headers);
    if (!this.tokens.has((request.headers.authorization ?? '').replace('Bearer ', ''))) {
      return status(response, 401, 'Unauthorized');
    }
    this.#answer(request, new URL(request.url ?? '/', this.url), body, response);
  }

  #answer(request: IncomingMessage, url: URL, body: string, response: ServerResponse): void {
    if (url.pathname === '/livez') return void response.end('ok');
    if (url.pathname === '/version') return json(response, 200, { gitVersion: `v${this.version}` });
    const [, namespace = '', plural = '', name] = ITEM.exec(url.pathname) ?? [];
    if (plural === 'selfsubjectaccessreviews') return this.#review(body, response);
    if (plural === '' || this.unknown.has(plural)) {
      response.writeHead(404, { 'content-type': 'text/plain' });
      return void response.end('404 page not found\n');
    }
    const verb = verbOf(request.method ?? 'GET', url, name);
    if (this.forbidden.has(`${verb} ${plural}`))
      return status(response, 403, `${plural} is forbidden: User "test" cannot ${verb} it`);
    const path = pathOf({ group: '', version: 'v1', kind: '', plural, namespaced: true }, namespace);
    switch (verb) {
      case 'list':
        return this.#list(plural, namespace, url, response);
      case 'watch':
        return this.#watch(plural, namespace, url, response);
      default:
        return this.#item(verb, { plural, namespace, name: name ?? '', path }, url, body, response);
    }
  }

  #review(body: string, response: ServerResponse): void {
    const { spec } = JSON.parse(body) as { spec: { resourceAttributes: { verb: string; resource: string } } };
    const { verb, resource } = spec.resourceAttributes;
    json(response, 201, { spec, status: { allowed: !this.forbidden.has(`${verb} ${resource}`) } });
  }

  #list(plural: string, namespace: string, url: URL, response: ServerResponse): void {
    const all = [...this.#store(plural).objects.values()]
      .filter((object) => selected(object, namespace, url))
      .sort((a, b) => (storeKey(a) < storeKey(b) ? -1 : 1));
    const from = Number(url.searchParams.get('continue') ?? 0);
    const limit = Number(url.searchParams.get('limit') ?? all.length) || all.length;
    const next = from + limit < all.length ? { continue: String(from + limit) } : {};
    json(response, 200, {
      kind: 'List',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(this.#revision), ...next },
      items: all.slice(from, from + limit),
    });
  }

  #watch(plural: string, namespace: string, url: URL, response: ServerResponse): void {
    const store = this.#store(plural);
    const from = Number(url.searchParams.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from < store.forgotten) {
      const object = { kind: 'Status', code: 410, message: `too old resource version: ${from} (${store.forgotten})` };
      return void response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    }
    const tell = ({ type, object, revision }: StoreEvent): void => {
      if (revision > from && !response.writableEnded && selected(object, namespace, url))
        response.write(`${JSON.stringify({ type, object })}\n`);
    };
    for (const event of store.history) tell(event);
    store.listeners.add(tell);
    this.#watches.add(response);
    const timer = setTimeout(() => response.end(), Number(url.searchParams.get('timeoutSeconds') ?? 3_600) * 1_000);
    response.on('close', () => {
      clearTimeout(timer);
      store.listeners.delete(tell);
      this.#watches.delete(response);
    });
  }

  #item(
    verb: string,
    at: { readonly plural: string; readonly namespace: string; readonly name: string; readonly path: string },
    url: URL,
    body: string,
    response: ServerResponse,
  ): void {
    const resource: Resource = { group: '', version: 'v1', kind: '', plural: at.plural, namespaced: true };
    const sent = body === '' ? undefined : (JSON.parse(body) as KubeObject & Preconditions);
    const name = at.name === '' ? (sent?.metadata.name ?? '') : at.name;
    const known = this.get(resource, name, at.namespace);
    const dry = url.searchParams.get('dryRun') === 'All';
    if (verb === 'create' && known !== undefined) return status(response, 409, `${at.plural} "${name}" already exists`);
    if (verb !== 'create' && verb !== 'patch' && known === undefined) {
      return status(response, 404, `${at.plural} "${name}" not found`, {}, { name, kind: at.plural });
    }
    if (verb === 'get') return json(response, 200, known);
    const expected = verb === 'delete' ? sent?.preconditions?.resourceVersion : sent?.metadata.resourceVersion;
    if (expected !== undefined && expected !== known?.metadata.resourceVersion)
      return status(response, 409, 'the object has been modified');
    if (verb === 'delete') {
      if (sent?.preconditions?.uid !== undefined && sent.preconditions.uid !== known?.metadata.uid)
        return status(response, 409, 'the UID differs');
      if (!dry) this.remove(resource, name, at.namespace);
      return json(response, 200, { kind: 'Status', status: 'Success' });
    }
    const object = { ...sent, metadata: { ...sent?.metadata, name, namespace: at.namespace } };
    // An apply that changes nothing writes nothing, as the real one.
    const same = verb === 'patch' && known !== undefined && JSON.stringify(plain(known)) === JSON.stringify(plain(object));
    const answer = same ? known : dry ? object : this.put(resource, object);
    json(response, known === undefined ? 201 : 200, answer);
  }
}
