import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { ownAgent } from './own-agent.ts';

/** Where the control API is, and as whom. */
export interface ControlPlace {
  /** `https://isthmus.example:15080`, without a path. */
  readonly url: string;
  /** `ISTHMUS_SERVICE`: what plans call this consumer. */
  readonly service: string;
  /** Read at each connection, so that a token can be exchanged. */
  readonly tokenFile?: string;
  /** PEM; beside Node's own authorities it would be too many. */
  readonly caFile?: string;
}

const LONGEST_TOKEN = 4_096;

/** Requests to the control API. */
export class ControlRequests {
  readonly #place: ControlPlace;
  readonly #base: URL;
  #agent: http.Agent | undefined;
  #ca: string | undefined;

  constructor(place: ControlPlace) {
    this.#place = place;
    this.#base = new URL(place.url);
  }

  get where(): string {
    return this.#base.host;
  }

  get service(): string {
    return this.#place.service;
  }

  /**
   * A request that was not ended yet; its socket keeps no process alive.
   * @throws {Error} when the token or the authorities cannot be read
   */
  open(method: 'GET' | 'POST', path: string, headers: http.OutgoingHttpHeaders): http.ClientRequest {
    const secure = this.#base.protocol === 'https:';
    const { tokenFile } = this.#place;
    const token = tokenFile === undefined ? undefined : tokenOf(tokenFile);
    const request = (secure ? https : http).request({
      method,
      protocol: this.#base.protocol,
      hostname: this.#base.hostname.replace(/^\[|\]$/g, ''),
      port: this.#base.port === '' ? (secure ? 443 : 80) : Number(this.#base.port),
      path: `/api/v1${path}`,
      agent: this.#connections(secure),
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
    request.on('socket', (socket) => void socket.unref());
    return request;
  }

  close(): void {
    this.#agent?.destroy();
  }

  #connections(secure: boolean): http.Agent {
    const { caFile } = this.#place;
    const ca = caFile === undefined || !secure ? undefined : readFileSync(caFile, 'utf8');
    if (this.#agent === undefined || ca !== this.#ca) {
      this.#agent?.destroy();
      this.#agent = ownAgent(secure, ca);
      this.#ca = ca;
    }
    return this.#agent;
  }
}

function tokenOf(file: string): string {
  const text = readFileSync(file, 'utf8').slice(0, LONGEST_TOKEN).trim();
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Error(`${file} holds no token: one line without spaces`);
  return text;
}
