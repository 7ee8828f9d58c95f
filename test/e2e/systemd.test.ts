// deploy/systemd/isthmus.service as systemd itself reads it (systemd-analyze is in Debian's package `systemd`).
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const UNIT = join(import.meta.dirname, '../../deploy/systemd/isthmus.service');

interface Said {
  readonly code: number;
  readonly text: string;
}

function analyze(...args: readonly string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    execFile('systemd-analyze', args, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), text: stdout + stderr });
    });
  });
}

describe('the systemd unit', () => {
  let directory: string;
  /** On this machine nothing is below /opt/isthmus; systemd looks whether the program can be run. */
  const here = async (change: (text: string) => string = (text) => text): Promise<string> => {
    const file = join(directory, 'isthmus.service');
    await writeFile(file, change(await readFile(UNIT, 'utf8')).replace('/opt/isthmus/bin/node', process.execPath));
    return file;
  };

  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'isthmus-unit-'))));
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('has no key that systemd does not know, and a program that it would run', async () => {
    expect(await analyze('verify', '--man=no', '--recursive-errors=no', await here())).toEqual({ code: 0, text: '' });
    const wrong = await here((text) => text.replace('ProtectClock=', 'ProtectClok='));
    expect((await analyze('verify', '--man=no', '--recursive-errors=no', wrong)).text).toContain('ProtectClok');
  });

  test('leaves the process little of the machine: an exposure below 2 of 10', async () => {
    const { code, text } = await analyze('security', '--offline=yes', '--threshold=20', '--no-pager', await here());
    expect(text).toMatch(/Overall exposure level/);
    expect(code).toBe(0);
  });
});
