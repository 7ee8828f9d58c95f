import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { buildProgram } from './program.ts';
import { fakeControl } from './testing/fake-control.ts';
import { runCli } from './testing/run-cli.ts';
import { VERSION } from './version.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** Every command with its words: `['proxy', 'status']`. */
function commandLines(command: Command, words: readonly string[] = []): readonly (readonly string[])[] {
  return [words, ...command.commands.flatMap((sub) => commandLines(sub, [...words, sub.name()]))];
}

async function allCommands(): Promise<readonly (readonly string[])[]> {
  const stdin = (async function* nothing(): AsyncGenerator<Uint8Array> {})();
  const io = {
    stdin,
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    env: {},
    cwd: '/',
    now: () => 0,
    become: () => {},
    ask: () => Promise.resolve({ code: 0, stdout: '', stderr: '' }),
  };
  return commandLines(buildProgram(io));
}

describe('help', () => {
  test('of every command has an example and ends with 0, on stdout', async () => {
    for (const words of await allCommands()) {
      const { code, stdout, stderr } = await runCli([...words, '--help']);
      expect([words.join(' '), code, stderr]).toEqual([words.join(' '), 0, '']);
      expect(stdout).toMatch(/\nExamples:\n {2}\S/);
    }
  });

  test.each([
    ['help', '--help'],
    ['help plan', 'plan --help'],
    ['help check', 'check --help'],
    ['plan help', 'plan --help'],
    ['plan help apply', 'plan apply --help'],
    ['proxy help config', 'proxy config --help'],
  ])('by `isthmus %s` is what `isthmus %s` prints', async (asked, same) => {
    const { code, stdout, stderr } = await runCli(asked.split(' '));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe((await runCli(same.split(' '))).stdout);
  });

  test('in docs/cli.md is what --help prints (UPDATE_GOLDENS=1 writes it)', async () => {
    const path = join(ROOT, 'docs/cli.md');
    const sections: string[] = [];
    for (const words of await allCommands()) {
      const { stdout } = await runCli([...words, '--help']);
      sections.push(`### \`${['isthmus', ...words].join(' ')}\`\n\n\`\`\`text\n${stdout.trimEnd()}\n\`\`\`\n`);
    }
    const document = readFileSync(path, 'utf8');
    const marker = '<!-- from here on: what --help prints, kept equal by a test -->\n';
    const head = document.slice(0, document.indexOf(marker) + marker.length);
    const wanted = `${head}\n${sections.join('\n')}`;
    if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, wanted);
    expect(readFileSync(path, 'utf8')).toBe(wanted);
  });

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
    expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

describe('wrong usage ends with 2, says so on stderr and leaves stdout empty', () => {
  test.each([
    [''],
    ['bogus'],
    ['help bogus'],
    ['--bogus'],
    ['serve'],
    ['serve -c'],
    ['serve -c a.yaml extra'],
    ['check'],
    ['doctor -c a.yaml -o xml'],
    ['convert ingress'],
    ['convert ingress -f missing.yaml'],
    ['lift'],
    ['lift -f missing.yaml'],
    ['get'],
    ['get bogus'],
    ['get services a b'],
    ['get services --bogus'],
    ['get services -o xml'],
    ['get services --control not-a-url'],
    ['get services --control ftp://127.0.0.1'],
    ['get services --token-file missing'],
    ['explain'],
    ['export --format xml'],
    ['proxy'],
    ['proxy bogus'],
    ['proxy config'],
    ['proxy bootstrap'],
    ['proxy bootstrap --node a --xds 127.0.0.1'],
    ['proxy bootstrap --node a --xds 127.0.0.1:15012 --egress 10.0.0.1:15004'],
    ['proxy bootstrap --node a --xds 127.0.0.1:15012 --sotw --delta'],
    ['proxy bootstrap --node a --xds 127.0.0.1:15012 --xds-cert a.pem'],
    ['release-held'],
    ['release-held shop/public/DEFAULT_GROUP'],
    ['lab'],
    ['lab bogus'],
  ])('isthmus %s', async (line) => {
    const { code, stdout, stderr, became } = await runCli(line.split(' ').filter((word) => word !== ''));
    expect([code, stdout, became]).toEqual([2, '', undefined]);
    expect(stderr).not.toBe('');
  });

  test('a wrong ISTHMUS_CONTROL is wrong usage too, for every command that would use it', async () => {
    const { code, stderr } = await runCli(['get', 'services'], { env: { ISTHMUS_CONTROL: 'localhost:15080' } });
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^isthmus: ISTHMUS_CONTROL is "localhost:15080"/)]);
  });
});

describe('commands that are other programs', () => {
  test.each([
    ['serve -c a.yaml', 'bridge serve -c a.yaml'],
    ['serve --config a.yaml', 'bridge serve -c a.yaml'],
    ['check -c a.yaml', 'bridge check -c a.yaml'],
    ['doctor -c a.yaml', 'bridge doctor -c a.yaml -o table'],
    ['doctor -c a.yaml -o json', 'bridge doctor -c a.yaml -o json'],
    ['lab up', 'lab up'],
    ['lab up --ci --with istiod', 'lab up --ci --with istiod'],
    ['lab status -o json', 'lab status -o json'],
    ['lab down', 'lab down'],
  ])('isthmus %s becomes %s', async (line, became) => {
    expect(await runCli(line.split(' '))).toMatchObject({ code: 0, became });
  });
});

describe('an unreachable bridge', () => {
  test.each(['get sources', 'get services a', 'explain a', 'export', 'proxy status', 'proxy config a'])(
    'makes isthmus %s end with 3 and say what to start',
    async (line) => {
      const { code, stdout, stderr } = await runCli([...line.split(' '), '--control', 'http://127.0.0.1:1']);
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toMatch(
        /^isthmus: the bridge cannot be reached at http:\/\/127\.0\.0\.1:1: .*\nStart it with `isthmus serve -c FILE`/,
      );
    },
  );

  test('is looked for where ISTHMUS_CONTROL says, unless --control says otherwise', async () => {
    await using control = await fakeControl({ 'GET /api/v1/held': { body: { items: [] } } });
    expect(await runCli(['get', 'held'], { env: { ISTHMUS_CONTROL: control.url } })).toMatchObject({
      code: 0,
      stderr: 'nothing is held\n',
    });
    const elsewhere = await runCli(['get', 'held', '--control', 'http://127.0.0.1:1'], { env: { ISTHMUS_CONTROL: control.url } });
    expect(elsewhere.code).toBe(3);
  });
});

describe('release-held', () => {
  const path = 'POST /api/v1/held/shop%2Fpublic%2FDEFAULT_GROUP/release';
  const scope = 'shop/public/DEFAULT_GROUP';

  async function inDirectory<T>(use: (cwd: string) => Promise<T>): Promise<T> {
    const cwd = await mkdtemp(join(tmpdir(), 'isthmus-cli-'));
    try {
      await mkdir(join(cwd, '.isthmus'));
      await writeFile(join(cwd, '.isthmus/admin.token'), 'made-at-first-start\n');
      await writeFile(join(cwd, 'other.token'), 'other\n');
      return await use(cwd);
    } finally {
      await rm(cwd, { recursive: true });
    }
  }

  test('sends the admin token, or the one that is named, and says how many went', async () => {
    const tokens: unknown[] = [];
    await using control = await fakeControl({
      [path]: (request, response) => {
        tokens.push(request.headers.authorization);
        response.setHeader('content-type', 'application/json').end('{"released":30}');
      },
    });
    await inDirectory(async (cwd) => {
      const args = ['release-held', scope, '--control', control.url];
      expect(await runCli(args, { cwd })).toMatchObject({ code: 0, stdout: `released 30 endpoints of ${scope}\n`, stderr: '' });
      expect(await runCli([...args, '--token-file', 'other.token'], { cwd })).toMatchObject({ code: 0 });
    });
    expect(tokens).toEqual(['Bearer made-at-first-start', 'Bearer other']);
  });

  test('ends with 1 when nothing is held there', async () => {
    await using control = await fakeControl({});
    const { code, stderr } = await inDirectory((cwd) => runCli(['release-held', scope, '--control', control.url], { cwd }));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^isthmus: No such host/)]);
  });

  test('does not send the token over the network without TLS', async () => {
    const { code, stderr } = await inDirectory((cwd) =>
      runCli(['release-held', scope, '--control', 'http://192.0.2.1:15080'], { cwd }),
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/the token is not sent to http:\/\/192\.0\.2\.1:15080: without TLS/),
    ]);
  });

  test('says where the token comes from when there is none', async () => {
    const { stderr } = await runCli(['release-held', scope]);
    expect(stderr).toMatch(
      /the admin token: \/nowhere\/\.isthmus\/admin\.token cannot be read: there is no such file\. The bridge makes it/,
    );
  });
});
