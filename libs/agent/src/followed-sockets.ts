import { channel } from 'node:diagnostics_channel';
import type net from 'node:net';
import { notMovable } from './http/client-seam.ts';
import type { ClientSeam } from './http/client-seam.ts';

/** The agent's own ways to an instance: what falls back to it does not go past the agent. */
const OURS = Symbol.for('isthmus.agent.socket');

export function ownSocket<S extends object>(socket: S): S {
  (socket as { [OURS]?: true })[OURS] = true;
  return socket;
}

export interface FollowedSockets {
  readonly seam: ClientSeam;
  /** `host:port` of the target whose instance is there, if all of its calls are the sidecar's now. */
  readonly whollyMoved: (address: string, port: number) => string | undefined;
  /** Milliseconds of a clock that never goes back, and when a call last had trouble at the egress: then instances are called on purpose. */
  readonly now: () => number;
  readonly troubleAt: () => number;
}

/** After trouble at the egress clients that fell back keep their connections for a while. */
const QUIET_MS = 30_000;

/**
 * Says, once a minute for a place, that something in this process connects to an instance of a target whose calls are all the sidecar's:
 * a client that the agent cannot move. Node tells of each socket on a channel (from 16.18 and 18.8 on); nothing is patched.
 * @returns ends it
 */
export function followSockets({ seam, whollyMoved, now, troubleAt }: FollowedSockets): () => void {
  const look = (socket: net.Socket): void => {
    const { remoteAddress = '', remotePort = 0 } = socket;
    const authority = whollyMoved(remoteAddress, remotePort);
    if (authority === undefined || now() - troubleAt() < QUIET_MS) return;
    const message = `something in this process connects to an instance of ${authority} past the agent, so the plan has no effect on it`;
    const remedy =
      'it may be HTTP/2, a WebSocket, an own socket, a bound undici client, or a transport of Nest (TCP, Redis, NATS, Kafka, RMQ): docs/agent-clients.md says what can be done for each';
    notMovable(seam, `${remoteAddress}:${remotePort}`, message, remedy);
  };
  const opened = channel('net.client.socket');
  const follow = (message: unknown): void => {
    const { socket } = message as { readonly socket: net.Socket & { readonly [OURS]?: true } };
    // `ownSocket` marks it after `net.connect` has returned, and before it is connected.
    socket.once('connect', () => {
      if (socket[OURS] === true) return;
      try {
        look(socket);
      } catch {
        // A diagnostic less.
      }
    });
  };
  opened.subscribe(follow);
  return () => {
    opened.unsubscribe(follow);
  };
}
