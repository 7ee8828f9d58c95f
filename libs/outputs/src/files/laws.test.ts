import { until } from '@isthmus/model/testing';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Hosts } from '../testing/hosts.ts';
import { headerOf } from './file-format.ts';
import { FilesOutput } from './files-output.ts';
import type { FileSystem } from './file-system.ts';

/** Files in memory, some of whose writes fail. */
function memory(content: Map<string, string>, fails: () => boolean): FileSystem {
  const missing = () => Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
  const read = async (path: string): Promise<string> => {
    const text = content.get(path);
    if (text === undefined) throw missing();
    return text;
  };
  const mayFail = (): void => {
    if (fails()) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  };
  return {
    makeDirectory: async () => mayFail(),
    list: async () => [...content.keys()].map((path) => path.slice('/out/'.length)),
    read,
    head: async (path, length) => (await read(path)).slice(0, length),
    write: async (path, text) => {
      mayFail();
      content.set(path, text);
    },
    rename: async (from, to) => {
      content.set(to, await read(from));
      content.delete(from);
    },
    remove: async (path) => {
      mayFail();
      if (!content.delete(path)) throw missing();
    },
  };
}

test('law: whatever changed in whatever order, over restarts and failures, the directory is what the hosts are in the end, and others’ files are as they were', async () => {
  const change = fc.record({ host: fc.constantFrom('a.nacos', 'b.nacos', 'c.nacos', 'd.nacos'), size: fc.nat({ max: 3 }) });
  const step = fc.oneof({ weight: 8, arbitrary: change }, { weight: 1, arbitrary: fc.constant('restart' as const) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.array(fc.boolean(), { maxLength: 20 }), async (steps, failing) => {
      const content = new Map([['/out/own.yaml', 'mine']]);
      const failures = [...failing];
      const files = memory(content, () => failures.shift() === true);
      const hosts = new Hosts();
      const toYaml = (object: unknown): string => `${JSON.stringify(object)}\n`;
      const make = () => {
        const output = new FilesOutput({
          dir: '/out',
          meshId: 'shop',
          render: hosts.render,
          toYaml,
          files,
          retry: { firstMs: 1, mostMs: 1 },
        });
        const stop = new AbortController();
        return { output, stop, running: output.run(stop.signal) };
      };
      let now = make();
      for (const one of steps) {
        if (one === 'restart') {
          now.stop.abort();
          await now.running;
          now = make();
          now.output.touch(hosts.all);
        } else now.output.touch([hosts.set(one.host, one.size)]);
        if (failures.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      now.output.complete(true);
      await until('everything is written', () => now.output.pending === 0);
      now.stop.abort();
      await now.running;
      const expected = hosts.all.flatMap((host) =>
        hosts.render(host).map((object) => [`/out/${host}.yaml`, headerOf('shop') + toYaml(object)]),
      );
      expect(Object.fromEntries(content)).toEqual(Object.fromEntries([...expected, ['/out/own.yaml', 'mine']]));
    }),
    { numRuns: 60 },
  );
});
