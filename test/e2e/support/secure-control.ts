import { request } from 'node:https';

/** Asks a control API that speaks TLS by a private authority, as an administrator does. */
export class SecureControl {
  readonly url: string;
  readonly #token: string;
  readonly #ca: () => string;

  /** @param ca PEM, asked for at each call */
  constructor(port: number, token: string, ca: () => string) {
    this.url = `https://127.0.0.1:${port}`;
    this.#token = token;
    this.#ca = ca;
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body) as T;
  }

  /** @param token of somebody else */
  ask(
    method: string,
    path: string,
    body?: string,
    token = this.#token,
  ): Promise<{ readonly status: number; readonly body: string }> {
    const type = body?.startsWith('{') === true ? 'application/json' : 'application/yaml';
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) };
    return new Promise((resolve, reject) => {
      const call = request(`${this.url}/api/v1/${path}`, { method, headers, ca: this.#ca(), agent: false, timeout: 10_000 });
      call.on('timeout', () => call.destroy(new Error(`${path}: no answer within 10 s`)));
      call.on('error', reject);
      call.on('response', (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
        answer.on('error', reject);
      });
      call.end(body);
    });
  }
}
