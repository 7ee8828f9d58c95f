import { IsthmusError, messageOf } from '@isthmus/model';
import { openConfigs, shut } from './config-connection.ts';
import type { Open } from './config-connection.ts';
import type { NacosConfig } from './config.ts';
import { NacosRefusal, wantsLogin } from './errors.ts';
import type { Json } from './json-body.ts';
import { defaultTiming } from './timing.ts';
import { renewedTls } from './tls.ts';
import type { TlsNow } from './tls.ts';
import { whenFree } from './when-free.ts';

/** Nacos's configs over gRPC: one connection, made anew when it is lost, at the next server of the list. */
export class ConfigWire {
  readonly #config: NacosConfig;
  readonly #baseDir: string;
  readonly #namespace: string;
  readonly #tls: TlsNow;
  readonly #onPush: (dataId: string) => void;
  readonly #stop = new AbortController();
  #open: Promise<Open> | undefined;
  #attempt = 0;

  /** @param onPush a config that somebody listens to changed; '': the connection was lost, any may have */
  constructor(config: NacosConfig, baseDir: string, namespace: string, onPush: (dataId: string) => void) {
    this.#config = config;
    this.#baseDir = baseDir;
    this.#namespace = namespace;
    this.#tls = renewedTls(config, baseDir);
    this.#onPush = onPush;
  }

  /** @throws IsthmusError `ledger.unreachable`, `ledger.forbidden`; NacosRefusal for what is about the request itself */
  async ask(type: string, body: Json, signal: AbortSignal): Promise<Json> {
    try {
      const open = await abortable(this.#connect(), signal);
      const send = () => whenFree(() => abortable(open.connection.request(type, { module: 'config', ...body }), signal), signal);
      try {
        return await send();
      } catch (thrown) {
        if (!wantsLogin(thrown)) throw thrown;
        await open.login.ensure(open.server, signal, true); // the token may have been revoked, or lost with a restart
        return await send();
      }
    } catch (thrown) {
      if (thrown instanceof NacosRefusal && thrown.code === 'registry.protocol') throw thrown;
      if (thrown instanceof NacosRefusal && thrown.nacosCode === NOT_FOUND) throw thrown;
      throw this.#failure(thrown);
    }
  }

  /** A GET of the HTTP API; undefined for any answer but 200. */
  async get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Buffer | undefined> {
    const { http, login, server } = await abortable(this.#connect(), signal);
    await login.ensure(server, signal);
    const token = login.current(server);
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const url = `${server.http}${path}?${new URLSearchParams(query)}`;
    const answer = await http.send({ method: 'GET', url, headers, deadlineMs: defaultTiming.requestDeadline }, signal);
    return answer.status === 200 ? answer.body : undefined;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#open?.then(shut, () => undefined);
  }

  #connect(): Promise<Open> {
    if (this.#open !== undefined) return this.#open;
    const opened = this.#dial();
    this.#open = opened;
    const lost = (): void => {
      if (this.#open === opened) this.#open = undefined;
      this.#attempt += 1;
      this.#onPush('');
    };
    opened.then((open) => {
      void open.connection.ended.then(() => {
        lost();
        shut(open);
      });
    }, lost);
    return opened;
  }

  #dial(): Promise<Open> {
    const onPush = (type: string, body: Json): void => {
      if (type === 'ConfigChangeNotifyRequest') this.#onPush(String(body['dataId'] ?? ''));
    };
    const dial = { baseDir: this.#baseDir, namespace: this.#namespace, attempt: this.#attempt, tls: this.#tls, onPush };
    return openConfigs(this.#config, dial, this.#stop.signal);
  }

  #failure(thrown: unknown): IsthmusError {
    if (IsthmusError.is(thrown) && thrown.code.startsWith('ledger.')) return thrown;
    const isDenied = IsthmusError.is(thrown) && thrown.code === 'registry.auth';
    const remedy = isDenied
      ? 'give the user of that registry a role that may read and write configs of the namespace (docs/replicas.md)'
      : 'check that Nacos answers, and its gRPC port too';
    return new IsthmusError(isDenied ? 'ledger.forbidden' : 'ledger.unreachable', messageOf(thrown), { remedy, cause: thrown });
  }
}

/** `errorCode` of a query for a config that is not there. */
export const NOT_FOUND = 300;

/** Leaves the work to itself when the signal aborts: it has a deadline of its own. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new IsthmusError('ledger.unreachable', 'no answer in time'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
