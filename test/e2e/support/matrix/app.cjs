'use strict';
const { createRequire } = require('module');
const { join } = require('path');
const run = require('./run.cjs');

const manifest = JSON.parse(process.argv[2]).agent;
const { exports: entries } = require(join(manifest, 'package.json'));

const agentPath = (name) => join(manifest, entries[name === '' ? '.' : `./${name}`].require);
const within = (folder, name) => createRequire(join(folder, 'package.json')).resolve(name);

run(require, agentPath, within).catch((error) => {
  process.send({ failed: String(error && error.stack) });
});
