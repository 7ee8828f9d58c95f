export { a } from './a.ts';
export type { B } from './a.ts';
