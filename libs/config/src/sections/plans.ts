import { z } from 'zod';

export const plansSection = z
  .strictObject({
    dir: z
      .string()
      .min(1)
      .optional()
      .describe('Directory of migration plans (YAML); its files own the plans in them: the API refuses to change those.'),
  })
  .prefault({})
  .describe('Migration plans (plans.md).');

/** Paths are absolute. */
export interface PlansConfig {
  /** Undefined: plans come by the API alone. */
  readonly dir?: string;
}

/** @param at makes a path absolute */
export function plansConfig({ dir }: z.output<typeof plansSection>, at: (path: string) => string): PlansConfig {
  return dir === undefined ? {} : { dir: at(dir) };
}
