export { compareAge } from './age.ts';
