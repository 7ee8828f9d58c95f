import http from 'node:http';
import https from 'node:https';
import { IsthmusError } from '@isthmus/model';
import { readSecret } from '@isthmus/registry';
import type { ConsulConfig } from './config.ts';
import { tlsOptions } from './connect.ts';

/** Consul keeps 512 KiB a key; a head and its blobs are never larger, in base64 neither. */
const MOST_ANSWER_BYTES = 2 * 1024 * 1024;

export interface KvCall {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Behind `/v1/`, with its query. */
  readonly path: string;
  readonly body?: Uint8Array;
}

export interface KvAnswer {
  readonly status: number;
  /** `X-Consul-Index`; 0 when there is none. */
  readonly index: number;
  readonly body: Buffer;
}

/**
 * Calls of Consul's key-value and transaction API. Not through npm `consul`, which takes texts for values and cannot
 * write without reading its own encoding; the catalog's client has no writes at all.
 */
export class KvClient {
  readonly #config: ConsulConfig;
  readonly #baseDir: string;
  readonly #agents = new Map<string, http.Agent>();
  #at = 0;

  constructor(config: ConsulConfig, baseDir: string) {
    this.#config = config;
    this.#baseDir = baseDir;
  }

  get server(): string {
    return this.#config.servers[this.#at % this.#config.servers.length] as string;
  }

  /** Any answer but a refusal. After a failure the next call goes to the next server. @throws IsthmusError `ledger.unreachable`, `ledger.forbidden` */
  async call(call: KvCall, signal: AbortSignal): Promise<KvAnswer> {
    const { server } = this;
    try {
      const answer = await this.#send(server, call, signal);
      if (answer.status === 401 || answer.status === 403) throw forbidden(server, call, answer);
      if (answer.status >= 500 || answer.status === 429) throw unreachable(server, `it answers ${answer.status} ${said(answer)}`);
      return answer;
    } catch (error) {
      if (!(IsthmusError.is(error) && error.code === 'ledger.forbidden')) this.#at += 1;
      if (IsthmusError.is(error)) throw error;
      throw unreachable(server, signal.aborted ? 'no answer in time' : String((error as Error).message), error);
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #send(server: string, { method, path, body }: KvCall, signal: AbortSignal): Promise<KvAnswer> {
    const { auth } = this.#config;
    const token = auth === undefined ? undefined : await readSecret({ file: auth.tokenFile, env: auth.tokenEnv }, this.#baseDir);
    const agent = await this.#agent(server);
    const url = new URL(`${server}/v1/${path}`);
    const headers = { ...(token === undefined ? {} : { 'x-consul-token': token.trim() }) };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? https.request : http.request;
      const request = send(url, { method, headers, agent, signal }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MOST_ANSWER_BYTES) response.destroy(new Error('its answer is too large'));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          const index = Number(response.headers['x-consul-index'] ?? 0);
          resolve({
            status: response.statusCode ?? 0,
            index: Number.isSafeInteger(index) ? index : 0,
            body: Buffer.concat(chunks),
          });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async #agent(server: string): Promise<http.Agent> {
    let agent = this.#agents.get(server);
    if (agent === undefined) {
      const pool = { keepAlive: true, maxSockets: 16 };
      agent = server.startsWith('https:')
        ? new https.Agent({ ...pool, ...(await tlsOptions(this.#config, this.#baseDir)) })
        : new http.Agent(pool);
      this.#agents.set(server, agent);
    }
    return agent;
  }
}

function said({ body }: KvAnswer): string {
  return body
    .subarray(0, 200)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

function forbidden(server: string, { method, path }: KvCall, answer: KvAnswer): IsthmusError {
  return new IsthmusError('ledger.forbidden', `Consul at ${server} refuses ${method} ${path.split('?')[0]}: ${said(answer)}`, {
    meaning: 'the shared ledger cannot be used',
    remedy: 'give the token key_prefix "PREFIX/" { policy = "write" } for the prefix of ledger.consul (docs/replicas.md)',
  });
}

function unreachable(server: string, why: string, cause?: unknown): IsthmusError {
  return new IsthmusError('ledger.unreachable', `Consul at ${server} cannot be used: ${why}`, {
    remedy: 'check that the agent answers and its servers have a leader',
    cause,
  });
}
