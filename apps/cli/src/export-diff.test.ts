import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { OutputPlan } from '@isthmus/model';
import { fakeControl } from './testing/fake-control.ts';
import type { FakeRoutes } from './testing/fake-control.ts';
import { runCli } from './testing/run-cli.ts';

const entry = (name: string, address: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: ${name}
  namespace: isthmus
spec:
  endpoints:
    - address: ${address}
`;

const plan = (fields: Partial<OutputPlan>): OutputPlan => ({
  output: 'files /srv/out',
  creates: [],
  updates: [],
  deletes: [],
  unchanged: 0,
  diagnostics: [],
  ...fields,
});

async function diffOf(items: readonly OutputPlan[]) {
  await using control = await fakeControl({ 'GET /api/v1/outputs/plan': { body: { items } } });
  return await runCli(['export', '--diff', '--control', control.url]); // before it is disposed of
}

describe('export --diff', () => {
  test('shows what an output would create, change and delete, and ends with 1', async () => {
    const { code, stdout } = await diffOf([
      plan({
        creates: [{ name: 'new.yaml', after: 'a: 1\n' }],
        updates: [{ name: 'orders.yaml', before: 'a: 1\nb: 2\n', after: 'a: 1\nb: 3\n' }],
        deletes: [{ name: 'old.yaml', before: 'a: 1\n' }],
        unchanged: 7,
        diagnostics: [
          {
            code: 'output.conflict',
            severity: 'error',
            where: '/srv/out/x.yaml',
            what: 'is there already',
            meaning: '',
            remedy: 'move it away',
          },
        ],
      }),
    ]);
    expect(code).toBe(1);
    expect(stdout).toBe(`files /srv/out
  + new.yaml
      +a: 1
  ~ orders.yaml
       a: 1
      -b: 2
      +b: 3
  - old.yaml
      -a: 1
  ! /srv/out/x.yaml: is there already
      try: move it away
  1 to create, 1 to change, 1 to delete, 7 as they should be
`);
  });

  test('ends with 0 when everything is as it should be, and says so when there is no such output', async () => {
    expect(await diffOf([plan({ unchanged: 3 })])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('3 as they should be'),
    });
    expect(await diffOf([])).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('outputs.files') });
  });

  test('makes names from registries harmless to the terminal', async () => {
    const { stdout } = await diffOf([plan({ creates: [{ name: '\u001b[2J', after: '\u001b]0;x\u0007\n' }] })]);
    // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test('--against compares two bridges, and tells the other one no token', async () => {
    const headers: (string | undefined)[] = [];
    const answer = (text: string): FakeRoutes => ({
      'GET /api/v1/export?format=istio': ({ headers: { authorization } }, response) => {
        headers.push(authorization);
        response.setHeader('content-type', 'application/yaml');
        response.end(text);
      },
    });
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-export-'));
    await writeFile(join(directory, 'token'), 'secret\n');
    await using running = await fakeControl(answer(`${entry('orders', '10.0.0.1')}---\n${entry('old', '10.0.0.2')}`));
    await using next = await fakeControl(answer(`${entry('new', '10.0.0.3')}---\n${entry('orders', '10.0.0.9')}`));
    const { code, stdout } = await runCli([
      'export',
      '--diff',
      '--against',
      running.url,
      '--control',
      next.url,
      '--token-file',
      join(directory, 'token'),
    ]);
    expect(code).toBe(1);
    for (const line of [
      `${running.url} → ${next.url}`,
      '  + ServiceEntry isthmus/new',
      '  ~ ServiceEntry isthmus/orders',
      '      -    - address: 10.0.0.1',
      '      +    - address: 10.0.0.9',
      '  - ServiceEntry isthmus/old',
    ])
      expect(stdout.split('\n')).toContain(line);
    await rm(directory, { recursive: true });
    expect(headers.toSorted()).toEqual(['Bearer secret', undefined]);
  });
});
