import { readFileSync, readdirSync } from 'node:fs';

/**
 * Waits until every thread of a process that was sent SIGSTOP stands still: `kill` returns before that, and each thread stops when it next
 * has a CPU. On a busy machine a kube-apiserver that was "paused" served another request.
 * @throws {Error} after `longestMs`
 */
export function standStill(pid: number, longestMs = 5_000): void {
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  for (const ends = performance.now() + longestMs; !standsStill(pid); Atomics.wait(waiting, 0, 0, 1))
    if (performance.now() > ends) throw new Error(`process ${pid} did not stand still within ${longestMs} ms`);
}

/** Also one that is gone. `T`: stopped, `t`: by a tracer, `Z` and `X`: ended. */
export function standsStill(pid: number): boolean {
  return read(() => readdirSync(`/proc/${pid}/task`), []).every((task) => {
    const stat = read(() => readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'), '(gone) X');
    return 'TtZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2)); // the command before it may have parentheses of its own
  });
}

function read<T>(what: () => T, gone: T): T {
  try {
    return what();
  } catch {
    return gone; // ENOENT, ESRCH: the process or this thread has ended
  }
}
