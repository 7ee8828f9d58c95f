import { expect, test } from '@jest/globals';
import { MissingToolError, requireTools } from './toolchain.ts';

test('a missing tool is one line that says what to install', async () => {
  const error = await requireTools(['mvn', 'go'], 'nacos2 2.3.2', { PATH: '/nowhere' }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MissingToolError);
  const { message, tool } = error as MissingToolError;
  expect(tool).toBe('mvn');
  expect(message).toBe(
    'nacos2 2.3.2 needs `mvn`, which is not on PATH: install Maven 3.8 or newer (Debian: apt-get install maven)',
  );
});
