import type { WrittenSpec } from './written-spec.ts';
import { WRITTEN_DESTINATION_RULES } from './written-destination-rules.ts';
import { WRITTEN_OTHERS } from './written-others.ts';
import { WRITTEN_ROUTES } from './written-routes.ts';
import { WRITTEN_TEXTS } from './written-texts.ts';

/** One rule each: what is refused, what is only warned of, and what is just not. */
export const WRITTEN_SPECS: readonly WrittenSpec[] = [
  ...WRITTEN_TEXTS,
  ...WRITTEN_ROUTES,
  ...WRITTEN_DESTINATION_RULES,
  ...WRITTEN_OTHERS,
];
