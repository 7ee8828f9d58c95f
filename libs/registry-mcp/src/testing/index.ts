export { openMcp } from './harness.ts';
