import type { z } from 'zod';
import { issueProblems, valueAt } from './issues.ts';
import type { ConfigPath, ConfigProblem } from './problem.ts';
import { shapeOf } from './shape.ts';
import type { YamlFile } from './yaml-file.ts';

/** A part of a YAML file by a schema: the data, or everything that is wrong, each at its place. */
export function checkShape<Schema extends z.ZodType>(
  schema: Schema,
  yaml: YamlFile,
  path: ConfigPath,
): { readonly data: z.output<Schema> } | { readonly problems: readonly ConfigProblem[] } {
  const parsed = schema.safeParse(valueAt(yaml.value, path));
  if (parsed.success) return { data: parsed.data };
  return { problems: issueProblems(parsed.error.issues, yaml, shapeOf(schema), path) };
}
