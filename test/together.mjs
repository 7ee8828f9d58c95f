// The project `together`: the same test files as `unit`, one Jest suite for each workspace. Jest gives each suite a world of its own and loads
// into it all that the suite imports, which for 180 small files is most of their time; the files of one library share what they import.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Writes one suite for each workspace (or folder of {@link APART}) that has such files, and takes away those that are gone.
 * @param {{ readonly root: string, readonly into: string, readonly isUnit: (path: string) => boolean }} options
 */
export function writeSuites({ root, into, isUnit }) {
  mkdirSync(into, { recursive: true });
  const suites = Map.groupBy(testFiles(root).filter(isUnit), (path) => suiteOf(root, path));
  const wanted = new Map(
    [...suites].map(([name, files]) => [`${name.replaceAll('/', '-')}.together.mjs`, suite(root, files.sort())]),
  );
  for (const old of readdirSync(into)) if (!wanted.has(old)) rmSync(join(into, old));
  for (const [name, text] of wanted) writeIfOther(join(into, name), text);
}

const testFiles = (root) =>
  ['apps', 'libs', 'test'].flatMap((dir) =>
    readdirSync(join(root, dir), { recursive: true })
      .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules'))
      .map((path) => join(root, dir, path)),
  );

/** Folders that are suites of their own: all of the bridge's tests, one after another, took as long as everything else in two workers. */
const APART = ['apps/bridge/src/istio'];

function suiteOf(root, path) {
  const file = relative(root, path);
  return APART.find((folder) => file.startsWith(`${folder}/`)) ?? file.split('/').slice(0, 2).join('/');
}

/**
 * A `describe` around each file keeps its hooks to itself. It cannot wait for the import, so its block is made current again
 * while the file is loaded; `circus` is Jest's state, from environment.mjs.
 */
const suite = (root, files) => `const files = ${JSON.stringify(
  files.map((path) => [relative(root, path), pathToFileURL(path).href]),
  null,
  2,
)};
const { circus, describe } = globalThis;
for (const [name, url] of files) {
  const outer = circus.currentDescribeBlock;
  let block = outer;
  describe(name, () => void (block = circus.currentDescribeBlock));
  circus.currentDescribeBlock = block;
  await import(url);
  circus.currentDescribeBlock = outer;
}
`;

/** Two runs may begin at once; and an unchanged file need not be transformed again. */
function writeIfOther(path, text) {
  try {
    if (readFileSync(path, 'utf8') === text) return;
  } catch {
    // It is new.
  }
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
