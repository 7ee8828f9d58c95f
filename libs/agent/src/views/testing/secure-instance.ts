import { readFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type tls from 'node:tls';

/** An instance that speaks TLS, with what it was asked for. */
export interface SecureInstance {
  readonly address: string;
  readonly port: number;
  /** Of each request. */
  readonly seen: { readonly host: string | undefined; readonly serverName: string | false | undefined; readonly body: string }[];
  /** Connections whose TLS was begun. */
  readonly connections: () => number;
  kill(): Promise<void>;
}

export async function serveSecurely(
  name: string,
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
): Promise<SecureInstance> {
  const seen: { host: string | undefined; serverName: string | false | undefined; body: string }[] = [];
  let connections = 0;
  const server = https.createServer({ cert: await readFile(certFile), key: await readFile(keyFile) }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('error', () => undefined);
    request.on('end', () => {
      seen.push({ host: request.headers.host, serverName: (request.socket as tls.TLSSocket & { servername?: string | false }).servername, body }); // prettier-ignore
      response.end(name);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    seen,
    connections: () => connections,
    kill: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
