import { readSync } from 'node:fs';
import type net from 'node:net';

/** That there is nothing to read yet; whatever else keeps this from being known says nothing about the connection. */
const UNKNOWN: ReadonlySet<string> = new Set(['EAGAIN', 'EWOULDBLOCK', 'EBADF', 'EINVAL', 'ERR_ACCESS_DENIED']);
const byte = Buffer.alloc(1);

/**
 * Whether the other side has ended an idle connection, or said something unasked, and this process has not read that yet: the kernel knows
 * it before the event loop does, by a turn that may be long in a busy process. What is written there then is lost, and nobody can tell
 * whether it was done. One system call; to be asked only of a connection that is not used again where the answer is yes.
 */
export function hasUnreadEnd(socket: net.Socket): boolean {
  // Node has had it for as long as there have been sockets (tty and cluster use it); on Windows there is none.
  const fd = (socket as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
  if (fd < 0) return false;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // EAGAIN is what is hoped for: nobody reads where it came from
  try {
    readSync(fd, byte, 0, 1, null);
    return true; // its end, or an answer that nobody asked for
  } catch (error) {
    return !UNKNOWN.has((error as NodeJS.ErrnoException).code ?? '');
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
