import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { LEAST_RIGHTS } from './testing/real-harness.ts';

test('the rights in the docs are those with which the contract is kept on a real API server', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/registries/kubernetes.md'), 'utf8');
  const role = /```yaml\n(apiVersion: rbac[^]*?)```/.exec(page)?.[1] ?? '';
  expect((parse(role) as { rules: unknown }).rules).toEqual(LEAST_RIGHTS);
});
