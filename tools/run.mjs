// Child processes of the tools: all of them end when this one is told to.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { projectEnv, root } from './paths.mjs';

const running = new Set();
let stopping;

/** SIGINT and SIGTERM go on to every child; we end when they have, as if the signal had killed us. */
function forward(signal) {
  stopping ??= signal;
  for (const child of running) child.kill(signal);
  if (running.size === 0) process.exit(128 + constants.signals[signal]);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(signal));

// npm passes SIGINT and SIGTERM on (to us, not to a shell between: the scripts in package.json begin with `exec`). SIGKILL it cannot.
const { ppid } = process;
if (process.env.npm_lifecycle_event)
  setInterval(() => process.ppid === ppid || process.kill(process.pid, 'SIGTERM'), 1_000).unref();

/**
 * Runs a command in the project's root and resolves with its exit code (128 + n for a signal n) and, unless `stream`, what it printed.
 * Once a signal has come it never resolves: nothing else is to be started.
 */
export function run(command, args, { stream = false, env = {} } = {}) {
  if (stopping) return new Promise(() => undefined);
  const child = spawn(command, args, {
    cwd: root,
    env: { ...projectEnv(), ...env },
    stdio: stream ? 'inherit' : ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = [];
  for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (chunk) => output.push(chunk));
  return new Promise((resolve) => {
    const settle = (code, text) => {
      running.delete(child);
      if (!stopping) resolve({ code, output: text });
      else if (running.size === 0) process.exit(code || 128 + constants.signals[stopping]);
    };
    child.once('error', (error) => settle(127, `${command}: ${error.message}\n`));
    child.once('close', (code, signal) => settle(code ?? 128 + constants.signals[signal], Buffer.concat(output).toString()));
  });
}

export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** `work()` with a line on stderr that shows the time pass: rewritten on a terminal, else repeated every 10 s. */
export async function withProgress(label, work) {
  const began = performance.now();
  const { stderr } = process;
  const show = () => stderr.write(stderr.isTTY ? `\r\x1b[K${label}: ${seconds(began)}` : `${label}: ${seconds(began)}\n`);
  const timer = setInterval(show, stderr.isTTY ? 200 : 10_000);
  if (!stderr.isTTY) stderr.write(`${label} …\n`);
  try {
    const result = await work();
    stderr.write(`${stderr.isTTY ? '\r\x1b[K' : ''}${label}: done in ${seconds(began)}\n`);
    return result;
  } finally {
    clearInterval(timer);
  }
}

/** The end of every tool: an error is one line, not a stack. */
export function main(work) {
  work().then(
    (code) => process.exit(code),
    (error) => {
      process.stderr.write(`\nisthmus: ${error.message}\n`);
      process.exit(1);
    },
  );
}
