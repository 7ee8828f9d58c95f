// A process that provides a fake server: `provide-fake.ts ROOT LOG`. Every build appends a line to LOG.
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { provide } from '../provide.ts';

const [, , root = '', log = ''] = process.argv;
const { home } = await provide('envoy', {
  root,
  onProgress: () => undefined,
  build: async ({ dir }) => {
    await appendFile(log, `${process.pid}\n`);
    await writeFile(join(dir, 'program'), 'x');
  },
});
console.log(home);
