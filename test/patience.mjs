import { jest } from '@jest/globals';

// Real servers start, stop and elect leaders on a machine that may be busy; conditions have deadlines of their own.
jest.setTimeout(60_000);
