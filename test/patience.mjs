import { jest } from '@jest/globals';

// A busy machine is no failure: conditions have deadlines of their own, which say what did not happen, and the longest of a start is 90 s.
jest.setTimeout(120_000);
