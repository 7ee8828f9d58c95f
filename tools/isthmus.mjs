#!/usr/bin/env node
// `npx isthmus …` in a checkout: the CLI on the Node that the project pins.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { entryOf } from './build-apps.mjs';
import { ensure } from './ensure.mjs';
import { at, projectEnv, projectNode } from './paths.mjs';
import { main } from './run.mjs';
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/**
 * In the caller's directory and with its terminal. A Ctrl-C reaches the child by itself, a signal sent to us alone is passed on; either
 * way the child decides when it ends.
 */
export async function isthmus(args) {
  await ensure();
  const child = spawn(projectNode(), ['--enable-source-maps', '--disable-warning=ExperimentalWarning', entryOf('cli'), ...args], {
    stdio: 'inherit',
    env: { ...projectEnv(), ISTHMUS_HOME: at() },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

// npx runs a symbolic link to this file.
if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main(() => isthmus(process.argv.slice(2)));
