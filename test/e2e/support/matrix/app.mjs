import { createRequire } from 'module';
import { join } from 'path';
import { pathToFileURL } from 'url';
import run from './run.cjs';

const manifest = JSON.parse(process.argv[2]).agent;
const { exports: entries } = createRequire(import.meta.url)(join(manifest, 'package.json'));

const agentPath = (name) => pathToFileURL(join(manifest, entries[name === '' ? '.' : `./${name}`].import)).href;
const within = (folder, name) => pathToFileURL(createRequire(join(folder, 'package.json')).resolve(name)).href;

run((name) => import(name), agentPath, within).catch((error) => {
  process.send({ failed: String(error && error.stack) });
});
