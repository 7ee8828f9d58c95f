import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { resourceKinds } from './resource-set.ts';
import type { Json, JsonObject, ResourceKind } from './resource-set.ts';

/** The proxy that asks. What is left out is what a sidecar has that Istio's injector made. */
const Node = z.strictObject({
  type: z.enum(['sidecar', 'router']).default('sidecar'),
  name: z.string().default('web-1'),
  namespace: z.string().default('shop'),
  ip: z.string().default('10.9.9.9'),
  labels: z.record(z.string(), z.string()).default({}),
  /** `region/zone/subzone`. */
  locality: z.string().default(''),
  metadata: z.record(z.string(), z.json()).default({}),
});

const parts = z.partialRecord(z.enum(resourceKinds), z.array(z.json()));

const Header = z.strictObject({
  node: Node.prefault({}),
  /** MeshConfig, over Istio's defaults. */
  mesh: z.record(z.string(), z.json()).default({}),
  /** Proxyless gRPC: what it dials, `host:port`. */
  dials: z.array(z.string()).default([]),
  /** What istiod must answer, or the case shows nothing: each part must occur somewhere in the resources of its kind. */
  shows: parts,
  /** What must not occur. */
  lacks: parts.default({}),
  /** Where ours differs by design, and why: at these places, `KIND PATH` as compare.ts prints them, and nowhere else. */
  differs: z.strictObject({ why: z.string().min(20), at: z.array(z.string()).min(1) }).optional(),
});

export type CaseNode = z.infer<typeof Node>;
export type Parts = Readonly<Partial<Record<ResourceKind, readonly Json[]>>>;

export interface OracleCase {
  /** `<area>/<file without .yaml>`. */
  readonly name: string;
  readonly node: CaseNode;
  /** MeshConfig; what it does not say has Istio's default. */
  readonly mesh: JsonObject;
  readonly dials: readonly string[];
  readonly shows: Parts;
  readonly lacks: Parts;
  readonly differs?: { readonly why: string; readonly at: readonly string[] };
  /** The Istio objects, as documents of one YAML stream. */
  readonly yaml: string;
}

/**
 * Isthmus has no CA and no tracing yet, so istiod is told to do without: an input of both sides takes away what would else have to be
 * removed from every answer.
 */
const meshDefaults = { enableAutoMtls: false, enableTracing: false };
const plaintext = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: DISABLE } }
`;

const folder = join(import.meta.dirname, 'cases');

/** All cases by name, sorted. @throws {Error} that names the file when a header is wrong. */
export function readCases(): readonly OracleCase[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => parseCase(file.replace(/\.yaml$/, ''), readFileSync(join(folder, file), 'utf8')));
}

/** @throws {Error} when it does not begin with a comment and a header document. */
export function parseCase(name: string, text: string): OracleCase {
  const end = text.indexOf('\n---\n');
  if (!text.startsWith('# ') || end < 0)
    throw new Error(`${name}: begins with a comment that says what it shows, a header, and ---`);
  const header = Header.safeParse(parseDocument(text.slice(0, end)).toJS());
  if (!header.success) throw new Error(`${name}: ${z.prettifyError(header.error)}`);
  const { mesh, differs, ...rest } = header.data;
  return {
    name,
    ...rest,
    ...(differs && { differs }),
    mesh: { ...meshDefaults, ...mesh },
    yaml: `${plaintext}---\n${text.slice(end + 5)}`,
  };
}
