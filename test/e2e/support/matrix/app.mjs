import { createRequire } from 'module';
import { join } from 'path';
import { pathToFileURL } from 'url';
import run from './run.cjs';

const manifest = JSON.parse(process.argv[2]).agent;
const { exports: entries } = createRequire(import.meta.url)(join(manifest, 'package.json'));

const path = (name) => pathToFileURL(join(manifest, entries[name === '' ? '.' : `./${name}`].import)).href;
run((name) => import(name), path).catch((error) => {
  process.send({ fatal: String(error && error.stack) });
});
