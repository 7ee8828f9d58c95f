import { jest } from '@jest/globals';

// A busy machine is no failure: conditions have deadlines of their own, and real servers take their time to start.
jest.setTimeout(60_000);
