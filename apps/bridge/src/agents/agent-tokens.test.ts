import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { until } from '@isthmus/model/testing';
import { Agents } from './agents.ts';
import { VERSION } from './open-agents.ts';

/** All of a bridge's side of the agents but who may speak for which service. */
const parts = {
  config: () => ({ open: [], pingMs: 1_000, reportEveryMs: 10_000, maxStreams: 100, maxStreamsPerService: 50, maxAgents: 100 }),
  bridge: VERSION,
  now: () => 0,
  merged: () => undefined,
  leader: () => ({ kind: 'here' as const }),
  isReady: () => true,
};

describe('tokens', () => {
  test('speak for one service each, wrong lines are said, and one that was taken away counts no more', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-tokens-'));
    const end = new AbortController();
    try {
      const tokensFile = join(directory, 'agents');
      const hash = createHash('sha256').update('a-token-of-sixteen').digest('hex');
      await writeFile(
        tokensFile,
        `# agents\nweb  web-token-0123456789\nadmin sha256:${hash}\nshort abc\n*  everyone-0123456789\n`,
      );
      const { tokens } = await Agents.open({ ...parts, tokens: { tokensFile, open: [] }, signal: end.signal });
      const web = tokens.speaker('Bearer web-token-0123456789');
      const admin = tokens.speaker('bearer a-token-of-sixteen');
      expect([web, admin]).toEqual([{ kind: 'service', service: 'web' }, { kind: 'service', service: 'admin' }]); // prettier-ignore
      expect(web !== undefined && [tokens.mayBe(web, 'web'), tokens.mayBe(web, 'admin')]).toEqual([true, false]);
      for (const wrong of [undefined, '', 'Bearer x', 'Bearer everyone-0123456789', `Bearer ${hash}`, 'Basic d2Vi'])
        expect(tokens.speaker(wrong)).toBeUndefined();
      expect(tokens.diagnostics.map(({ what }) => what)).toEqual([4, 5].map((line) => `line ${line} is no \`SERVICE TOKEN\``));
      await writeFile(tokensFile, 'web  another-token-0123456789\n');
      await until('it is read', () => tokens.speaker('Bearer another-token-0123456789') !== undefined);
      expect(tokens.speaker('Bearer web-token-0123456789')).toBeUndefined();
    } finally {
      end.abort();
      await rm(directory, { recursive: true, force: true });
    }
  });

  test('without which nobody may come unless a service is open', async () => {
    const closed = await Agents.open({ ...parts, tokens: { open: [] }, signal: new AbortController().signal });
    expect(closed.speaker(undefined)).toBeUndefined();
    const open = await Agents.open({ ...parts, tokens: { open: ['web'] }, signal: new AbortController().signal });
    const anyone = open.speaker(undefined);
    expect(anyone !== undefined && [open.mayBe(anyone, 'web'), open.mayBe(anyone, 'admin')]).toEqual([true, false]);
    expect(open.speaker('Bearer anything-at-all-0123')).toBeUndefined();
  });
});

test('the bridge tells agents the version that it is', async () => {
  const manifest = JSON.parse(await readFile(join(import.meta.dirname, '../../../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(VERSION).toBe(manifest.version);
});
