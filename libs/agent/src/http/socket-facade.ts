import type net from 'node:net';
import { Duplex } from 'node:stream';
import type tls from 'node:tls';

/** What an application, or Node's client, may ask of the socket of a request, answered by the one that is in use. */
export class SocketFacade extends Duplex {
  /** Read by Node's agent. */
  timeout = 0;
  protected socket: net.Socket | undefined;
  protected keptAlive: readonly [boolean, number] | undefined;

  get connecting(): boolean {
    return this.socket?.connecting ?? false;
  }

  get remoteAddress(): string | undefined {
    return this.socket?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.socket?.remotePort;
  }

  get localAddress(): string | undefined {
    return this.socket?.localAddress;
  }

  get localPort(): number | undefined {
    return this.socket?.localPort;
  }

  /** Of TLS within the process: as a TLSSocket has them; not there where the sidecar originates it. */
  get encrypted(): boolean | undefined {
    return this.#secure?.encrypted;
  }

  get authorized(): boolean | undefined {
    return this.#secure?.authorized;
  }

  get alpnProtocol(): string | false | null | undefined {
    return this.#secure?.alpnProtocol;
  }

  getPeerCertificate(detailed = false): tls.PeerCertificate | undefined {
    return this.#secure?.getPeerCertificate(detailed);
  }

  getProtocol(): string | null | undefined {
    return this.#secure?.getProtocol();
  }

  getCipher(): tls.CipherNameAndProtocol | undefined {
    return this.#secure?.getCipher();
  }

  /** As a socket's: 0 takes the callback away again, which Node's client does before it keeps a connection for the next request. */
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    this.socket?.setTimeout(ms);
    if (callback !== undefined && ms === 0) this.removeListener('timeout', callback);
    else if (callback !== undefined) this.once('timeout', callback);
    return this;
  }

  setNoDelay(): this {
    return this; // is on
  }

  setKeepAlive(enable = false, delay = 0): this {
    this.keptAlive = [enable, delay];
    this.socket?.setKeepAlive(enable, delay);
    return this;
  }

  ref(): this {
    this.socket?.ref();
    return this;
  }

  unref(): this {
    this.socket?.unref();
    return this;
  }

  get #secure(): tls.TLSSocket | undefined {
    return isSecure(this.socket) ? this.socket : undefined;
  }
}

export function isSecure(socket: net.Socket | undefined): socket is tls.TLSSocket {
  return (socket as tls.TLSSocket | undefined)?.encrypted === true;
}
