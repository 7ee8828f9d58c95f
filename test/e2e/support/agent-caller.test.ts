import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { AgentCaller } from './agent-caller.ts';

test('a caller whose agent was not built is no caller that is waited for: it is said at once what to run', () => {
  const missing = join(import.meta.dirname, 'nothing-built/register.js');
  expect(() => AgentCaller.start(1, 'orders', {}, missing)).toThrow(
    `the agent is not built: there is no ${missing}; run \`npm run build\``,
  );
});
