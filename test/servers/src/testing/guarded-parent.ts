// A process with one guarded child: `guarded-parent.ts DIR`. Prints the child's pid and stays until it is killed.
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { spawnGuarded } from '../guard.ts';

const [, , dir = ''] = process.argv;
const child = await spawnGuarded(['sleep', '600'], {
  cwd: dir,
  output: openSync(join(dir, 'log'), 'a'),
  removeWhenOrphaned: dir,
});
console.log(child.pid);
