import { expect } from '@jest/globals';

// Jest compares arrays of bytes key by key; a law that compares encoded resources hundreds of times spent most of its time there. Of bytes that
// differ Jest's own comparison still says where.
expect.addEqualityTesters([
  (a, b) => {
    if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return undefined;
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return undefined;
    return Buffer.compare(a, b) === 0 ? true : undefined;
  },
]);
