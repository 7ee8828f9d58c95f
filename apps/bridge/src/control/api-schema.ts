/** JSON Schema as OpenAPI 3.0 has it. */
export type Schema = Readonly<Record<string, unknown>>;

interface Optional {
  readonly optional: Schema;
}

/** One schema per field: a field that comes, goes or becomes optional in the contract does not compile until it does here. */
type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? Optional : Schema;
};

export const text = (description: string): Schema => ({ type: 'string', description });
export const integer = (description: string): Schema => ({ type: 'integer', description });
export const number = (description: string): Schema => ({ type: 'number', description });
export const flag = (description: string): Schema => ({ type: 'boolean', description });
export const oneOf = (values: readonly string[], description: string): Schema => ({ type: 'string', enum: values, description });
export const texts = (description: string): Schema => ({ type: 'array', items: { type: 'string' }, description });
export const textMap = (description: string): Schema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
});
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export const refs = (name: string, description: string): Schema => ({ type: 'array', items: ref(name), description });
export const optional = (schema: Schema): Optional => ({ optional: schema });

/** An object with exactly the fields of `T`. */
export function fields<T>(description: string, of: Fields<T>): Schema {
  const entries = Object.entries<Schema | Optional>(of);
  return {
    type: 'object',
    description,
    required: entries.filter(([, field]) => !isOptional(field)).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, isOptional(field) ? field.optional : field])),
  };
}

function isOptional(field: Schema | Optional): field is Optional {
  return 'optional' in field;
}

/** `{ items: [...] }`, the shape of every list. */
export function listOf(name: string): { readonly schema: object } {
  return { schema: { type: 'object', required: ['items'], properties: { items: { type: 'array', items: ref(name) } } } };
}

export function answerOf(name: string): { readonly schema: { $ref: string } } {
  return { schema: { $ref: `#/components/schemas/${name}` } };
}
