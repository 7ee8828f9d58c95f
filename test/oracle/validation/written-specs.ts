import type { WrittenSpec } from './valid-specs.ts';
export const WRITTEN_SPECS: readonly WrittenSpec[] = [];
