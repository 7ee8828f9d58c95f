import { jest } from '@jest/globals';

// A busy machine is no failure: conditions have deadlines of their own, which say what did not happen, and the longest of a start is 90 s.
jest.setTimeout(120_000);

// Of the two cores a session at 5 gets a third of what one at 0 gets: servers that start wait for the tests, and not the tests for them.
process.env.ISTHMUS_NICENESS_OF_SERVERS ??= '5';
