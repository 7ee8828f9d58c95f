import { spawn } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePorts } from '@isthmus/servers';
import { format, resolveConfig } from 'prettier';
import { ROOT, blocks, commands, pages } from '../docs/pages.ts';
import { BridgeProcess } from './support/bridge.ts';

const CLI = join(ROOT, 'dist/apps/cli/apps/cli/src/main.js');

interface Command {
  readonly at: string;
  readonly line: string;
}

/** What a reader types into a checkout: every line of the blocks marked `sh`. */
const typed: readonly Command[] = pages()
  .flatMap(blocks)
  .filter(({ language }) => language === 'sh')
  .flatMap((block) => commands(block).map((line) => ({ at: `${block.file}:${block.line}`, line })));

describe('the commands in README and docs', () => {
  let cwd: string;

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), 'isthmus-docs-'));
    await cp(join(ROOT, 'examples'), join(cwd, 'examples'), { recursive: true });
    // `npx isthmus` of a checkout, without the look whether everything is built.
    await writeFile(
      join(cwd, 'npx'),
      `#!/bin/sh\n[ "$1" = isthmus ] || exit 9\nshift\nexec '${process.execPath}' '${CLI}' "$@"\n`,
    );
    await chmod(join(cwd, 'npx'), 0o755);
  });
  afterAll(() => rm(cwd, { recursive: true }));

  test('are some', () => {
    expect(typed.length).toBeGreaterThan(2);
  });

  test.each(typed)('$at: $line', async ({ line }) => {
    const child = spawn('sh', ['-c', line], {
      cwd,
      env: { PATH: `${cwd}:${process.env['PATH']}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, said }).toEqual({ code: 0, said: expect.not.stringMatching(/error/i) });
    const [, file] = / > (\S+)$/.exec(line) ?? [];
    if (file !== undefined) expect((await readFile(join(cwd, file), 'utf8')).length).toBeGreaterThan(100);
  });
});

describe('what the docs say of a running bridge', () => {
  let bridge: BridgeProcess;
  const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${bridge.ports.control}${path}`)).text();

  beforeAll(async () => {
    const [nobody = 0] = await freePorts(1);
    const gone = { name: 'gone', kind: 'eureka', servers: [`http://127.0.0.1:${nobody}/eureka`] };
    bridge = await BridgeProcess.start([gone], { readiness: { maxWait: '0s' } });
  });
  afterAll(() => bridge?.close());

  test('docs/openapi.json is the API that it serves (UPDATE_GOLDENS=1 writes it)', async () => {
    const path = join(ROOT, 'docs/openapi.json');
    const served = await format(await get('/api/openapi.json'), { ...(await resolveConfig(path)), filepath: path });
    if (process.env['UPDATE_GOLDENS'] === '1') await writeFile(path, served);
    expect(await readFile(path, 'utf8')).toBe(served);
  });

  test('every $ref of the API is there, and every answer has a schema', async () => {
    const text = await get('/api/openapi.json');
    const { components, paths } = JSON.parse(text) as {
      components: { schemas: object };
      paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>;
    };
    const refs = [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? '');
    expect(refs.filter((name) => !(name in components.schemas))).toEqual([]);
    expect(Object.keys(components.schemas).filter((name) => !refs.includes(name))).toEqual([]);
    const bare = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.entries(responses).flatMap(([status, { content }]) =>
          content === undefined ? [`${method} ${path} ${status}`] : [],
        ),
      ),
    );
    expect(bare).toEqual([]);
  });

  test('docs/operations.md lists every metric', async () => {
    const served = [...(await get('/metrics')).matchAll(/^# HELP (isthmus_\w+)/gm)].map((match) => match[1] ?? '');
    expect(served.length).toBeGreaterThan(4);
    const page = await readFile(join(ROOT, 'docs/operations.md'), 'utf8');
    expect(served.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  test('the API has a page to read and try it', async () => {
    const page = await get('/api/docs');
    expect(page).toContain('swagger-ui');
    expect(page).toContain('<title>Isthmus API</title>');
  });
});
