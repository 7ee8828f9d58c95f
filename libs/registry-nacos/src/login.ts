import { IsthmusError } from '@isthmus/model';
import type { Clock } from '@isthmus/model';
import { readSecret } from '@isthmus/registry';
import type { NacosConfig } from './config.ts';
import type { HttpAnswer, HttpClient } from './http.ts';
import { readJsonObject } from './json-body.ts';
import type { ServerAddress } from './server-address.ts';

interface Token {
  readonly text: string;
  /** Clock milliseconds from which a new one is fetched: nine tenths of its life. */
  readonly renewAt: number;
}

/** Newest API first would cost Nacos 1 and 2 an error a login; v1 still answers on Nacos 3.1 unless it was switched off. */
const LOGIN_PATHS = ['/v1/auth/login', '/v3/auth/user/login'] as const;

/** Holds the access token of one registry; the password is read anew at every login, so a rotated file counts. */
export class NacosLogin {
  readonly #auth: NacosConfig['auth'];
  readonly #baseDir: string;
  readonly #http: HttpClient;
  readonly #clock: Clock;
  readonly #deadlineMs: number;
  readonly #tokens = new Map<string, Token>();

  constructor(auth: NacosConfig['auth'], baseDir: string, http: HttpClient, clock: Clock, deadlineMs: number) {
    this.#auth = auth;
    this.#baseDir = baseDir;
    this.#http = http;
    this.#clock = clock;
    this.#deadlineMs = deadlineMs;
  }

  /** The token to send now; undefined where no `auth` is configured or no login was made yet. */
  current(server: ServerAddress): string | undefined {
    return this.#tokens.get(server.http)?.text;
  }

  /**
   * Makes sure that there is a token with life left. `force`: also when there is one (it was refused).
   *
   * @throws IsthmusError `registry.auth` when Nacos refuses user or password, or what went wrong on the way.
   */
  async ensure(server: ServerAddress, signal: AbortSignal, force = false): Promise<void> {
    if (this.#auth === undefined) return;
    const known = this.#tokens.get(server.http);
    if (!force && known !== undefined && this.#clock.now() < known.renewAt) return;
    const { username, passwordFile, passwordEnv } = this.#auth;
    const password = await readSecret({ file: passwordFile, env: passwordEnv }, this.#baseDir);
    this.#tokens.set(server.http, await this.#login(server, { username, password }, signal));
  }

  async #login(server: ServerAddress, form: { username: string; password: string }, signal: AbortSignal): Promise<Token> {
    let last: IsthmusError | undefined;
    for (const path of LOGIN_PATHS) {
      try {
        const answer = await this.#http.send(
          { method: 'POST', url: `${server.http}${path}`, form, deadlineMs: this.#deadlineMs },
          signal,
        );
        const token = tokenOf(answer, path, this.#clock.now());
        if (token !== undefined) return token;
        if (deniesUser(answer)) throw refusedLogin(server, form.username, answer.status);
      } catch (thrown) {
        if (!IsthmusError.is(thrown) || thrown.code !== 'registry.protocol') throw thrown;
        last = thrown;
      }
    }
    throw refusedLogin(server, form.username, 0, last);
  }
}

function tokenOf(answer: HttpAnswer, path: string, now: number): Token | undefined {
  if (answer.status !== 200) return undefined;
  const json = readJsonObject(answer.body, `POST ${path}`);
  const data = typeof json['data'] === 'object' && json['data'] !== null ? (json['data'] as Record<string, unknown>) : json;
  const text = data['accessToken'];
  if (typeof text !== 'string' || text === '') return undefined;
  const ttl = Number(data['tokenTtl']);
  const seconds = Number.isFinite(ttl) && ttl > 0 ? ttl : 18_000;
  return { text, renewAt: now + seconds * 900 };
}

/** Nacos 3 answers a wrong password with 500, 403 or 401 and says so in the text; other answers mean "no such API". */
function deniesUser(answer: HttpAnswer): boolean {
  return answer.status === 401 || answer.status === 403 || /user|password/i.test(answer.body.subarray(0, 2_000).toString('utf8'));
}

function refusedLogin(server: ServerAddress, username: string, status: number, cause?: IsthmusError): IsthmusError {
  return new IsthmusError(
    'registry.auth',
    `login as "${username}" at ${server.http} was refused${status === 0 ? '' : ` (HTTP ${status})`}${cause === undefined ? '' : `: ${cause.message}`}`,
    {
      meaning: 'user or password is wrong, or Nacos has no authentication there',
      remedy: 'check auth.username and the password; create the user in Nacos',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
