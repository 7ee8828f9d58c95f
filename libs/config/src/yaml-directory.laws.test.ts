import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { YamlDirectory } from './yaml-directory.ts';

let base: string;
let stop: AbortController;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'yaml-directory-'));
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await rm(base, { recursive: true, force: true });
});

/** What each file says, as far as `directory` has told. */
function open(dir: string, lookEveryMs?: number) {
  const said = new Map<string, string>();
  const directory = new YamlDirectory<string>({
    dir,
    mostBytes: 1_000,
    *read(_file, bytes) {
      yield;
      return Buffer.from(bytes).toString();
    },
    unreadable: (_file, what) => what,
    onFiles: (files) => {
      for (const [path, text] of files) {
        if (text === undefined) said.delete(path);
        else said.set(path, text);
      }
    },
    onTrouble: () => undefined,
    quietMs: 2,
    ...(lookEveryMs === undefined ? {} : { lookEveryMs }),
  });
  return { directory, said: () => [...said].sort() };
}

async function until(condition: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
  for (const end = performance.now() + 10_000; !(await condition()); await wait(3))
    if (performance.now() > end) throw new Error(`it did not come to that: ${what()}`);
}

const PLACES = ['a.yaml', 'b.yaml', 'deep/a.yaml', 'deep/b.yaml', 'far.yaml', '.hidden.yaml', 'note.txt', 'deep/er/a.yaml'];
const place = fc.constantFrom(...PLACES);
const step = fc.oneof(
  fc.record({ what: fc.constant('write' as const), at: place }),
  fc.record({ what: fc.constant('move' as const), at: place, to: place }),
  fc.record({ what: fc.constant('remove' as const), at: fc.constantFrom(...PLACES, 'deep', 'deep/er') }),
  fc.record({ what: fc.constant('link' as const), at: place, to: place }),
  fc.record({ what: fc.constant('away' as const) }),
);

test('what watching finds is what a look at everything finds', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { minLength: 1, maxLength: 8 }), async (steps) => {
      const root = join(base, `run-${run++}`);
      await mkdir(root);
      await writeFile(join(root, 'a.yaml'), 'first');
      const end = new AbortController();
      const watched = open(root);
      const watching = watched.directory.watch(AbortSignal.any([stop.signal, end.signal]));
      const isUpToDate = async () => {
        const fresh = open(root);
        await fresh.directory.scan();
        return JSON.stringify(fresh.said()) === JSON.stringify(watched.said());
      };
      for (const [n, [each, pauses]] of steps.entries()) {
        await take(root, each, `text ${n}`).catch(() => undefined); // what is not there cannot be moved
        if (pauses) await until(isUpToDate, () => JSON.stringify(watched.said()));
      }
      await until(isUpToDate, () => JSON.stringify(watched.said()));
      end.abort();
      await watching;
    }),
    { numRuns: 40 },
  );
}, 60_000);

async function take(root: string, each: typeof step extends fc.Arbitrary<infer Step> ? Step : never, text: string) {
  const at = 'at' in each ? join(root, each.at) : root;
  switch (each.what) {
    case 'write':
      await mkdir(join(at, '..'), { recursive: true });
      return writeFile(at, text);
    case 'move':
      return rename(at, join(root, each.to));
    case 'remove':
      return rm(at, { recursive: true });
    case 'link':
      return symlink(join(root, each.to), at);
    case 'away': // all files at once, by another directory in its place
      await mkdir(`${root}-next`);
      await writeFile(join(`${root}-next`, 'new.yaml'), text);
      await rm(root, { recursive: true });
      return rename(`${root}-next`, root);
    default:
      return each satisfies never;
  }
}

test('a directory that goes as soon as it was found takes its files along', async () => {
  const root = join(base, 'root');
  await mkdir(root);
  const { directory, said } = open(root);
  const watching = directory.watch(stop.signal);
  for (let round = 0; round < 100; round += 1) {
    await take(root, { what: 'write', at: 'deep/er/a.yaml' }, 'text');
    await until(
      () => said().length === 1,
      () => `${said().join()} in round ${round}`,
    );
    await wait(round % 5); // at another moment of the looks that follow
    await take(root, { what: 'remove', at: 'deep/er' }, '');
    await until(
      () => said().length === 0,
      () => `${said().join()} gone in round ${round}`,
    );
  }
  stop.abort();
  await watching;
});

test('what no watch tells of is found by the next look at everything', async () => {
  for (const version of ['one', 'two']) {
    await mkdir(join(base, version));
    await writeFile(join(base, version, 'a.yaml'), version);
  }
  const [root, current] = [join(base, 'root'), join(base, 'current')];
  await mkdir(root);
  await symlink('one', current);
  await symlink(current, join(root, 'sub')); // a link behind a link
  const { directory, said } = open(root, 20);
  const watching = directory.watch(stop.signal);
  const says = (text: string) =>
    until(
      () => said().join() === `${join(root, 'sub/a.yaml')},${text}`,
      () => said().join(),
    );
  await says('one');
  await symlink('two', join(base, 'next'));
  await rename(join(base, 'next'), current);
  await says('two');
  stop.abort();
  await watching;
});

test('a file that is written costs the look at that file, not at the others', async () => {
  const [root, outside] = [join(base, 'root'), join(base, 'outside')];
  for (const each of [root, outside, join(base, 'other')]) await mkdir(each);
  await writeFile(join(outside, 'a.yaml'), 'one');
  await writeFile(join(base, 'other/a.yaml'), 'two');
  await symlink('outside', join(base, 'current'));
  await symlink(join(base, 'current'), join(root, 'sub'));
  const { directory, said } = open(root);
  const watching = directory.watch(stop.signal);
  const texts = () =>
    said()
      .map(([, text]) => text)
      .join();
  await until(() => texts() === 'one', texts);
  await writeFile(join(root, 'b.yaml'), 'seen');
  await until(() => texts() === 'seen,one', texts);
  const linkTo = async (target: string): Promise<void> => {
    await symlink(target, join(base, 'next'));
    await rename(join(base, 'next'), join(base, 'current'));
  };
  // Nobody tells of the link, so a look at everything would find it. One that is still due from the beginning may, not each time.
  let [last, unseen] = ['one', 0];
  for (let n = 0; n < 10 && unseen < 2; n += 1) {
    await linkTo(last === 'one' ? 'other' : 'outside');
    await writeFile(join(root, 'b.yaml'), `seen ${n}`);
    await until(() => texts().startsWith(`seen ${n},`), texts);
    if (texts() === `seen ${n},${last}`) unseen += 1;
    last = last === 'one' ? 'two' : 'one';
    await directory.scan();
    expect(texts()).toBe(`seen ${n},${last}`);
  }
  expect(unseen).toBe(2);
  stop.abort();
  await watching;
});
