/**
 * Child processes that do not outlive this one, however it ends.
 *
 * A handler on `exit` is not enough: SIGKILL runs none. So every child has a small `sh` between it and us which holds the reading end of
 * a pipe of ours. The kernel closes the pipe when we are gone; the shell then kills the child and removes the child's own directory.
 * (PR_SET_PDEATHSIG would do the same on Linux only, and fires when a *thread* ends.) The shell leads a process group of its own, so a
 * Ctrl-C in the terminal reaches us alone and we stop the children in order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { getPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';

// fd 3: where the child's pid is written. fd 4: our pipe; a line on it says that all is well. It cannot be stdin: Node destroys that one
// at the shell's exit, before the line could be sent.
// A session has a niceness of its own beside those of its processes, which count within it only (sched_autogroup(7)): without the first
// lines builds took two thirds of the CPUs from the tests beside them, whatever their priority was. A kernel without such groups has no
// such file, or nothing in it. Of users without CAP_SYS_ADMIN it takes one word in a tenth of a second (kernel/sched/autogroup.c: EAGAIN).
const guardScript = `
dir=$1; nice=$2; shift 2
tries=0
{
  [ "$nice" -gt 0 ] && read -r group </proc/self/autogroup &&
    until echo "$nice" >/proc/self/autogroup || [ $tries -eq 20 ]; do sleep 0.1; tries=$((tries + 1)); done
} 2>/dev/null
"$@" 3>&- 4<&- &
child=$!
(
  if read -r word <&4; then exit 0; fi
  kill -9 $child 2>/dev/null
  tries=0
  while kill -0 $child 2>/dev/null && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  [ -z "$dir" ] || rm -rf -- "$dir"
  kill -9 -- -$$
) 3>&- >/dev/null 2>&1 &
echo $child >&3
exec 3>&- 4<&-
wait $child
`;

export interface GuardedOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Where its stdout and stderr go: an open file descriptor. */
  readonly output: number;
  /** A directory to delete when this process dies before the child; none by default. */
  readonly removeWhenOrphaned?: string;
}

export interface ExitStatus {
  /** As a shell sees it: 128 + n for a signal n. */
  readonly code: number;
}

export interface Guarded {
  readonly pid: number;
  /** Settles when the child has ended; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal to the child alone; false when it has already ended. */
  signal(signal: NodeJS.Signals): boolean;
  /** SIGKILL for the child and everything that it started. */
  killGroup(): Promise<void>;
  /** Whether the child keeps this process's event loop alive (as spawned: yes). */
  hold(alive: boolean): void;
}

/** @throws {Error} when there is no `sh` or `cwd` does not exist. A command that does not exist is an exit code 127. */
export async function spawnGuarded(command: readonly string[], options: GuardedOptions): Promise<Guarded> {
  const shell = spawn(
    '/bin/sh',
    ['-c', guardScript, 'isthmus-guard', options.removeWhenOrphaned ?? '', `${niceness()}`, ...command],
    {
      cwd: options.cwd,
      env: options.env ?? process.env,
      detached: true,
      stdio: ['ignore', options.output, options.output, 'pipe', 'pipe'],
    },
  );
  const lifeline = shell.stdio[4] as Socket;
  lifeline.on('error', () => undefined); // EPIPE when the guard has ended: `exited` tells
  const exited = exitOf(shell, lifeline);
  await once(shell, 'spawn');
  const pid = await readPid(shell.stdio[3] as Readable);

  let ended = false;
  void exited.then(() => (ended = true));
  const send = (target: number, signal: NodeJS.Signals): boolean => {
    if (ended) return false;
    try {
      return process.kill(target, signal);
    } catch {
      return false; // ESRCH: it ended a moment ago
    }
  };
  return {
    pid,
    exited,
    signal: (signal) => send(pid, signal),
    killGroup: async () => {
      // The child first: the shell ends when it has reaped it, so after `exited` its sockets are closed too.
      send(pid, 'SIGKILL');
      await exited;
      try {
        process.kill(-(shell.pid ?? pid), 'SIGKILL');
      } catch {
        // ESRCH: nothing else was in the group
      }
    },
    hold: (alive) => {
      for (const handle of [shell, lifeline]) {
        if (alive) handle.ref();
        else handle.unref();
      }
    },
  };
}

/**
 * Of the child's session: ours, unless a run of tests wants more (test/patience.mjs). All of Jest's workers and what they call from are one
 * session, with the share of a single server: while several JVMs started, the time limit of a call passed before anybody could read its answer.
 */
const niceness = (): number => Math.max(getPriority(), Number(process.env['ISTHMUS_NICENESS_OF_SERVERS'] ?? 0));

function exitOf(shell: ChildProcess, lifeline: Writable): Promise<ExitStatus> {
  return new Promise((resolve) => {
    shell.once('error', () => resolve({ code: 127 }));
    shell.once('exit', (code, signal) => {
      lifeline.end('ended\n');
      resolve({ code: code ?? (signal === 'SIGKILL' ? 137 : 143) });
    });
  });
}

async function readPid(pipe: Readable): Promise<number> {
  let text = '';
  for await (const chunk of pipe) text += String(chunk);
  const pid = Number.parseInt(text, 10);
  if (!Number.isInteger(pid)) throw new Error('the guard shell ended before it could start the command');
  return pid;
}
