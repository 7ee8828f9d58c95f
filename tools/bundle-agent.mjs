// What a start of the agent needs in a few files: sixty that are each looked for, read and compiled were half of what `--require` cost.
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';

/**
 * Each is what these entries reach at once and no file before it has: what a service does not ask for it does not read. What is loaded
 * late (tools/lazy-modules.mjs) and the subpaths stay files.
 */
const BUNDLES = new Map([
  ['agent/src/entered.js', ['agent/src/register.js']],
  ['agent/src/started.js', ['agent/src/agent.js']],
  [
    'agent/src/control/followed.js',
    ['agent/src/control/follow-control.js', 'agent/src/control/reported-targets.js', 'agent/src/provider/follow-inbound.js'],
  ],
]);

/** What a test of upgrades writes anew. */
const APART = new Set(['agent/src/version.js']);

const RELATIVE = /\brequire\("(\.[^"]+)"\)/g;
const LATE = /\?\?= (?:__importDefault\()?require\("(\.[^"]+)"\)/g;

/**
 * Puts what the entries reach into the bundles, and in the place of each file a line that takes it from there: a module is still one
 * module, by whichever way it is loaded.
 * @param root the package's folder
 */
export async function bundle(root) {
  // Not above: in a fresh clone this file is loaded before anything is installed.
  const { default: ts } = await import('typescript');
  const texts = new Map();
  const bundleOf = new Map();
  const add = async (file, to) => {
    if (bundleOf.has(file) || APART.has(file)) return;
    const text = await readFile(join(root, file), 'utf8');
    texts.set(file, text);
    bundleOf.set(file, to);
    const late = new Set([...text.matchAll(LATE)].map(([, needed]) => needed));
    for (const [, needed] of text.matchAll(RELATIVE)) if (!late.has(needed)) await add(posix.join(dirname(file), needed), to);
  };
  for (const [to, entries] of BUNDLES) for (const entry of entries) await add(entry, to);
  const linked = (file) => {
    const own = bundleOf.get(file);
    return withoutComments(ts, texts.get(file)).replaceAll(RELATIVE, (_, needed) => {
      const id = posix.join(dirname(file), needed);
      const other = bundleOf.get(id);
      if (other === own) return `part(${JSON.stringify(id)})`;
      return other === undefined ? `require("${from(own, id)}")` : `require("${from(own, other)}")(${JSON.stringify(id)})`;
    });
  };
  for (const to of BUNDLES.keys()) {
    const files = [...bundleOf].filter(([, own]) => own === to).map(([file]) => file);
    const parts = files.map((file) => `${JSON.stringify(file)}(exports) {\n${linked(file)}}`);
    await writeFile(join(root, to), `"use strict";\nconst parts = {\n${parts.join(',\n')}\n};\n${LOADER}`);
    for (const file of files)
      await writeFile(join(root, file), `module.exports = require("${from(file, to)}")(${JSON.stringify(file)});\n`);
  }
}

const LOADER = `const made = new Map();
function part(id) {
    let exports = made.get(id);
    if (exports !== undefined) return exports;
    exports = {};
    made.set(id, exports); // before it runs: parts may need each other, as modules may
    try {
        parts[id](exports);
    }
    catch (error) {
        made.delete(id);
        throw error;
    }
    return exports;
}
module.exports = part;
`;

function from(file, to) {
  const path = relative(dirname(file), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** They are in the declarations, where they are read. */
function withoutComments(ts, text) {
  const compilerOptions = { removeComments: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS };
  return ts.transpileModule(text, { compilerOptions }).outputText;
}
