import { z } from 'zod';
import type { ConfigPath } from './problem.ts';

/** The parts of a JSON Schema that we walk. */
export interface Shape {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly allOf?: readonly Shape[];
  readonly additionalProperties?: boolean | Shape;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
}

/** JSON Schema of what users write (before defaults and conversions). */
export function shapeOf(schema: z.ZodType): Shape {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
}

/** Every alternative that the schema allows at the path. */
export function shapesAt(root: Shape, path: ConfigPath): readonly Shape[] {
  let here = alternatives(root);
  for (const part of path) {
    here = here.flatMap((shape) => {
      const next = typeof part === 'number' ? shape.items : (shape.properties?.[part] ?? additional(shape));
      return next === undefined ? [] : alternatives(next);
    });
  }
  return here;
}

/** Keys that the schema knows at the path, in its order. */
export function knownKeys(root: Shape, path: ConfigPath): readonly string[] {
  return [...new Set(shapesAt(root, path).flatMap((shape) => Object.keys(shape.properties ?? {})))];
}

/** What the field at the path is for, or its nearest described parent. */
export function describedAt(root: Shape, path: ConfigPath): string | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const at = path.slice(0, length);
    const described = shapesAt(root, at).find((shape) => shape.description !== undefined);
    if (described?.description !== undefined) return described.description;
  }
  return undefined;
}

function additional(shape: Shape): Shape | undefined {
  return typeof shape.additionalProperties === 'object' ? shape.additionalProperties : undefined;
}

/** The shape itself comes first: its description is the field's, its alternatives' are narrower. */
function alternatives(shape: Shape): readonly Shape[] {
  const nested = [...(shape.anyOf ?? []), ...(shape.oneOf ?? []), ...(shape.allOf ?? [])];
  return [shape, ...nested.flatMap(alternatives)];
}
