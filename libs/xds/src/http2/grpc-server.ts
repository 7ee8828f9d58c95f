import { constants, createSecureServer, createServer } from 'node:http2';
import type {
  Http2SecureServer,
  Http2Server,
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import type { Peer } from '../resource-provider.ts';
import { GrpcCall } from './grpc-call.ts';
import { keepAlive } from './keep-alive.ts';
import { letGo } from './let-go.ts';
import { sessionPeer } from './session-peer.ts';
import { RESPONSE_HEADERS, statusHeaders } from './status-headers.ts';
import { addressOf, tlsFailure } from './tls-failure.ts';

/** Connections that wait to be accepted: after a restart all proxies come at once, and who is not let in tries again in 1 s, 3 s, 7 s. */
const BACKLOG = 4_096;

/**
 * Bytes that a client may send before we have read them. With HTTP/2's own 64 KiB an answer with 20,000 names (0.8 MB) stops
 * twelve times for us to let it go on: 5 ms instead of 1, and a third more CPU. It is less than one message may have.
 */
const RECEIVE_WINDOW = 1024 * 1024;

export interface GrpcServerTls {
  readonly context: SecureContextOptions;
  /** Ask clients for a certificate; who has none of the CA's is let in without an identity. */
  readonly requestCert: boolean;
}

export interface GrpcServerOptions {
  readonly tls: GrpcServerTls | undefined;
  /** Bytes of one message that is received. */
  readonly messageBytes: number;
  readonly accept: (path: string, call: GrpcCall) => void;
  /** A client that did not get through the TLS handshake; `address` is IP and port. */
  readonly turnedAway: (address: string, reason: string) => void;
  /** Of the methods that there are. */
  readonly has: (path: string) => boolean;
}

/**
 * Bidirectional gRPC streams over HTTP/2, and nothing else of gRPC: no other kinds of calls, no compression, no deadlines (an
 * xDS stream has none). It writes the bytes that it is given, so that a thousand streams can share them.
 */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Map<Http2Session, Peer>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { tls } = options;
    // What a session may keep is bounded by what we send, which `SendBudget` bounds over all of them; beyond Node's own limit
    // it would refuse new streams of a connection while large messages are under way.
    const common = { maxSessionMemory: 4_000, settings: { enablePush: false, initialWindowSize: RECEIVE_WINDOW } };
    this.#server =
      tls === undefined
        ? createServer(common)
        : createSecureServer({
            ...common,
            ...tls.context,
            allowHTTP1: false,
            requestCert: tls.requestCert,
            rejectUnauthorized: false,
          });
    this.#server.on('session', (session: ServerHttp2Session) => this.#opened(session));
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#stream(stream, headers));
    // A handshake that fails, or bytes that are no HTTP/2, cost that connection and nothing else.
    this.#server.on('sessionError', () => undefined);
    this.#server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      const reason = tlsFailure(error);
      if (reason !== undefined) options.turnedAway(addressOf(socket), reason);
    });
  }

  /** @returns the port; rejects with the system's error when it cannot listen */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => undefined); // a connection that could not be accepted: the peer sees it
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** For connections from now on. */
  renew(context: SecureContextOptions): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(context);
  }

  /** Takes no more connections and streams (GOAWAY); resolves when those that are open have ended. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const session of this.#sessions.keys()) session.close();
    });
  }

  /** Ends what is still open. */
  destroy(): void {
    for (const session of this.#sessions.keys()) session.destroy();
  }

  #opened(session: ServerHttp2Session): void {
    this.#sessions.set(session, sessionPeer(session));
    session.setLocalWindowSize(RECEIVE_WINDOW);
    session.on('error', () => undefined); // 'close' follows
    session.on('close', () => this.#sessions.delete(session));
    keepAlive(session);
  }

  #stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const { has, accept, messageBytes } = this.#options;
    stream.on('error', () => undefined);
    const peer = stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (peer === undefined || stream.destroyed) return void stream.destroy();
    const path = headers[':path'] ?? '';
    if (headers[':method'] !== 'POST') return answer(stream, constants.HTTP_STATUS_METHOD_NOT_ALLOWED);
    if (!/^application\/grpc(?:$|[+;])/.test(headers['content-type'] ?? ''))
      return answer(stream, constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE);
    if (has(path)) return accept(path, new GrpcCall(stream, headers, peer, messageBytes));
    const unknown = statusHeaders(status.UNIMPLEMENTED, `there is no method ${path} here`);
    stream.respond({ ...RESPONSE_HEADERS, ...unknown }, { endStream: true });
    letGo(stream);
  }
}

/** To who speaks no gRPC. */
function answer(stream: ServerHttp2Stream, code: number): void {
  stream.respond({ [constants.HTTP2_HEADER_STATUS]: code }, { endStream: true });
  letGo(stream);
}
