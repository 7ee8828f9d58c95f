import { Client, credentials } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from '@jest/globals';
import { saidBy } from './errors.ts';

describe('what gRPC says of a failure', () => {
  const refused = 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:9848 (time). Resolution note: ';

  test.each([
    [refused, 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:9848 (time)'],
    ['No addresses resolved. Resolution note:', 'No addresses resolved'],
    [`${refused}name was not found`, `${refused}name was not found`],
    ['Received message larger than max (5 vs 4).', 'Received message larger than max (5 vs 4).'],
    ['', ''],
  ])('%j is told as %j', (details, said) => {
    expect(saidBy({ details })).toBe(said);
  });

  test('where nobody listens has its cause and no empty heading at its end', async () => {
    const client = new Client('127.0.0.1:1', credentials.createInsecure());
    try {
      const error = await new Promise<ServiceError | null>((resolve) =>
        client.makeUnaryRequest(
          '/Request/request',
          (bytes: Buffer) => bytes,
          (bytes) => bytes,
          Buffer.alloc(0),
          resolve,
        ),
      );
      expect(saidBy(error as ServiceError)).toMatch(/ECONNREFUSED 127\.0\.0\.1:1(?!.*note:\s*$)/);
    } finally {
      client.close();
    }
  });
});
