import type { Endpoint } from '@isthmus/model';

/**
 * What Isthmus writes beside every entry of a registry, as metadata. `mesh`: who wrote it; `origin`: id of the service
 * it stands for; `path`: the meshes it came through, the writer last; `owner`: which bridge of that mesh; `version`:
 * hash of its content, so that "is it still what we wrote" needs no comparison of a registry's own forms.
 */
export interface Marks {
  readonly mesh: string;
  readonly origin: string;
  readonly path: readonly string[];
  readonly owner: string;
  readonly version: string;
}

/** Metadata with this prefix is Isthmus's own: it never becomes a label and is never copied onwards. */
export const MARK_PREFIX = 'isthmus-';

const MESH = 'isthmus-mesh';
const ORIGIN = 'isthmus-origin';
const PATH = 'isthmus-path';
const OWNER = 'isthmus-owner';
const VERSION = 'isthmus-version';

export function marksToMetadata(marks: Marks): Readonly<Record<string, string>> {
  return {
    [MESH]: marks.mesh,
    [ORIGIN]: marks.origin,
    [PATH]: marks.path.join(','),
    [OWNER]: marks.owner,
    [VERSION]: marks.version,
  };
}

/** The marks in an instance's metadata; undefined where no Isthmus wrote it. A path that was lost is its writer alone. */
export function marksOf(metadata: Readonly<Record<string, unknown>>): Marks | undefined {
  const mesh = textOf(metadata[MESH]);
  if (mesh === '') return undefined;
  const path = textOf(metadata[PATH])
    .split(',')
    .filter((part) => part !== '');
  return {
    mesh,
    origin: textOf(metadata[ORIGIN]),
    path: path.includes(mesh) ? path : [...path, mesh],
    owner: textOf(metadata[OWNER]),
    version: textOf(metadata[VERSION]),
  };
}

/** The metadata without what Isthmus wrote; the same object where there is nothing of it. */
export function withoutMarks(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const keys = Object.keys(metadata);
  if (!keys.some((key) => key.startsWith(MARK_PREFIX))) return metadata;
  return Object.fromEntries(keys.filter((key) => !key.startsWith(MARK_PREFIX)).map((key) => [key, metadata[key] ?? '']));
}

/** Bridges before us that copy entries from elsewhere, and how theirs are told. */
export const FOREIGN_COPIES = {
  'consul-k8s': { key: 'external-source', value: 'kubernetes' },
  higress: { key: 'register-resource', value: 'mcp-bridge' },
  'nacos-sync': { key: 'syncSource', value: undefined },
} as const satisfies Readonly<Record<string, { readonly key: string; readonly value: string | undefined }>>;

export type ForeignCopy = keyof typeof FOREIGN_COPIES;

/** Which of those bridges wrote the instance. */
export function foreignCopyOf(endpoint: Endpoint): ForeignCopy | undefined {
  for (const [name, { key, value }] of Object.entries(FOREIGN_COPIES)) {
    const found = endpoint.metadata[key];
    if (found !== undefined && (value === undefined || found === value)) return name as ForeignCopy;
  }
  return undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
