import { expect, test } from '@jest/globals';
import { a } from '@isthmus/model';
test('works', () => { expect(a).toBe(1); });
