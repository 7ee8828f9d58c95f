import type http from 'node:http';
import type { Socket } from 'node:net';

/** A server of the application: `http`, `https`, or Nest's `app.getHttpServer()`. */
export type DrainedServer = http.Server;

export interface Drain {
  /** Every answer from now on ends its connection, so that callers leave one by one; new connections are still taken. */
  begin(): void;
  /** Takes no new connection; resolves when the last call is answered and its connection closed. */
  finish(): Promise<void>;
  /** Ends what is left. @returns connections that were still open */
  force(): number;
}

/**
 * Drains one server. Connections are known by their requests from `begin` on: Node 16 has no `closeIdleConnections` (one that is
 * silent all the time ends there by `keepAliveTimeout`), and below TLS the server's `connection` is not the request's socket.
 */
export function drainOf(server: DrainedServer): Drain {
  /** Of connections seen since `begin`: calls that are not answered yet. */
  const open = new Map<Socket, number>();
  let finishing = false;
  const settle = (socket: Socket): void => {
    const left = (open.get(socket) ?? 1) - 1;
    open.set(socket, left);
    if (finishing && left <= 0) socket.end();
  };
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const { socket } = request;
    remember(socket);
    open.set(socket, (open.get(socket) ?? 0) + 1);
    if (!response.headersSent && request.httpVersionMajor === 1) response.setHeader('connection', 'close');
    response.once('close', () => settle(socket));
  };
  const remember = (socket: Socket): void => {
    if (open.has(socket)) return;
    open.set(socket, 0);
    socket.once('close', () => open.delete(socket));
  };
  let begun = false;
  return {
    begin() {
      if (begun) return;
      begun = true;
      server.prependListener('request', onRequest);
    },
    finish() {
      finishing = true;
      return new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        // Of callers that keep a connection and send nothing: they take its end for what it is, and a call that crosses it is sent again.
        (server as Partial<http.Server>).closeIdleConnections?.();
        for (const [socket, calls] of open) if (calls === 0) socket.end();
      });
    },
    force() {
      const left = [...open.values()].filter((calls) => calls > 0).length;
      for (const socket of open.keys()) socket.destroy();
      (server as Partial<http.Server>).closeAllConnections?.();
      return left;
    },
  };
}
