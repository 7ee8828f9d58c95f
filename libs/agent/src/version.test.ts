import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { AGENT_VERSION } from './version.ts';

test('the agent says the version that it is published with', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string };
  expect(AGENT_VERSION).toBe(version);
});
