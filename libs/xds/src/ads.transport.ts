import { Server } from '@nestjs/microservices';
import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { XdsServer } from './xds-server.ts';

/**
 * Mounts an xDS server (ADS or MCP) in a Nest application: `app.connectMicroservice({ strategy: new AdsTransport(server) })`.
 * Nest's own gRPC transport would decode and encode every message for every stream.
 */
export class AdsTransport extends Server implements CustomTransportStrategy {
  readonly #xds: XdsServer;

  constructor(xds: XdsServer) {
    super();
    this.#xds = xds;
  }

  override listen(callback: (error?: unknown) => void): void {
    this.#xds.listen().then(() => callback(), callback);
  }

  override close(): Promise<void> {
    return this.#xds.close();
  }

  /** Streams come and go without Nest's events. */
  override on(): void {}

  override unwrap<T>(): T {
    return this.#xds as T;
  }
}
