import process from 'node:process';
import { run } from './program.ts';
import { askApp, becomeApp } from './run-app.ts';

// `isthmus get services | head`: the reader has what it wants.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  now: () => Date.now(),
  become: (app, args) => becomeApp(app, args, process.env),
  ask: (app, args) => askApp(app, args, process.env),
});
