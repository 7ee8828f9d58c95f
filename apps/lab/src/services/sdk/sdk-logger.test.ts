import { expect, test } from '@jest/globals';
import { sdkLogger } from './sdk-logger.ts';

function logged() {
  const lines: string[] = [];
  let now = 0;
  const logger = sdkLogger(
    'nacos',
    { warn: (line: string) => lines.push(line), error: (line: string) => lines.push(line) },
    () => now,
  );
  return { lines, logger, pass: (ms: number) => (now += ms) };
}

test('a line that repeats is written once a minute', () => {
  const { lines, logger, pass } = logged();
  for (let attempt = 0; attempt < 61; attempt += 1) {
    logger.error('cannot reach', new Error('ECONNREFUSED'));
    pass(1_000);
  }
  expect(lines).toEqual(['cannot reach ECONNREFUSED', 'cannot reach ECONNREFUSED']);
});

test('heartbeats that went well are not written', () => {
  const { lines, logger } = logged();
  logger.info('beat');
  logger.debug('beat');
  expect(lines).toEqual([]);
});
