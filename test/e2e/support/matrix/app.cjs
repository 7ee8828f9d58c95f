'use strict';
const { join } = require('path');
const run = require('./run.cjs');

const manifest = JSON.parse(process.argv[2]).agent;
const { exports: entries } = require(join(manifest, 'package.json'));

run(require, (name) => join(manifest, entries[name === '' ? '.' : `./${name}`].require)).catch((error) => {
  process.send({ fatal: String(error && error.stack) });
});
