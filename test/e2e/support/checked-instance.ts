import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { sendUnaryData } from '@grpc/grpc-js';
import { WHO, encodeName, unaryOfBytes } from './grpc-names.ts';

/**
 * ill: answers that it is not well; hung: takes connections and answers nothing; gone: does not listen; forged: what it shows of
 * itself is no certificate that its callers trust (https alone).
 */
export type Condition = 'well' | 'ill' | 'hung' | 'gone' | 'forged';

/** PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly own: Pair;
  /** Shown while it is `forged`. */
  readonly forged: Pair;
}

const HEALTH = '/healthz';
/** `grpc.health.v1.HealthCheckResponse`, whose only field is the status. */
const SERVING = Buffer.from([8, 1]);
const NOT_SERVING = Buffer.from([8, 2]);

/**
 * A real server of a legacy service that falls ill as servers do, and counts who calls it and who only checks it. It answers
 * its address, which is a loopback address of its own: nobody else takes its port while it is gone.
 */
export class CheckedInstance {
  readonly address: string;
  calls = 0;
  checks = 0;
  #port = 0;
  #condition: Condition = 'gone';
  readonly #open: (port: number) => Promise<number>;
  #close: () => Promise<void> = async () => undefined;
  #show: (pair: Pair) => void = () => undefined;
  readonly #certificates: Certificates | undefined;

  private constructor(kind: 'http' | 'grpc', address: string, certificates: Certificates | undefined) {
    this.address = address;
    this.#certificates = certificates;
    this.#open = kind === 'http' ? (port) => this.#http(port) : (port) => this.#grpc(port);
  }

  /** @param certificates it speaks TLS */
  static async start(kind: 'http' | 'grpc', address: string, certificates?: Certificates): Promise<CheckedInstance> {
    const instance = new CheckedInstance(kind, address, certificates);
    await instance.become('well');
    return instance;
  }

  get port(): number {
    return this.#port;
  }

  async become(condition: Condition): Promise<void> {
    const before = this.#condition;
    this.#condition = condition;
    // Who was kept waiting by a server that hung learns that it is over.
    if (before === 'hung' || condition === 'gone') await this.#close();
    if (before === 'hung' || before === 'gone') this.#port = condition === 'gone' ? this.#port : await this.#open(this.#port);
    if (this.#certificates !== undefined) this.#show(this.#certificates[condition === 'forged' ? 'forged' : 'own']);
  }

  async #http(port: number): Promise<number> {
    const answer: RequestListener = ({ url }, response) => {
      this.#count(url === HEALTH);
      if (this.#condition !== 'hung') response.writeHead(this.#condition === 'ill' ? 503 : 200).end(this.address);
    };
    const own = this.#certificates?.own;
    const secure = own && createHttps({ ...own, keepAliveTimeout: 0 }, answer);
    this.#show = (pair) => secure?.setSecureContext(pair);
    const server = secure ?? createServer({ keepAliveTimeout: 0 }, answer);
    // A check by TCP connects and leaves without a word; those by a handshake are not counted.
    if (secure === undefined)
      server.on('connection', (socket) => socket.once('close', () => socket.bytesRead === 0 && this.#count(true)));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, this.address, resolve));
    this.#close = () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    };
    return (server.address() as AddressInfo).port;
  }

  async #grpc(port: number): Promise<number> {
    const server = new Server();
    const answering = (isCheck: boolean, value: () => Buffer) => (_call: unknown, answer: sendUnaryData<Buffer>) => {
      this.#count(isCheck);
      if (this.#condition !== 'hung') answer(null, value());
    };
    server.addService(
      { check: unaryOfBytes('/grpc.health.v1.Health/Check'), who: unaryOfBytes(WHO) },
      {
        check: answering(true, () => (this.#condition === 'ill' ? NOT_SERVING : SERVING)),
        who: answering(false, () => encodeName(this.address)),
      },
    );
    this.#close = async () => server.forceShutdown();
    return new Promise((resolve, reject) => {
      const own = this.#certificates?.own;
      const pair = own && { cert_chain: Buffer.from(own.cert), private_key: Buffer.from(own.key) };
      const credentials = pair === undefined ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [pair]);
      server.bindAsync(`${this.address}:${port}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
  }

  #count(isCheck: boolean): void {
    if (isCheck) this.checks += 1;
    else this.calls += 1;
  }
}
