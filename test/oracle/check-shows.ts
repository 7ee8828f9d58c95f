import { contains } from './contains.ts';
import type { OracleCase, Parts } from './oracle-case.ts';
import { resourceKinds } from './resource-set.ts';
import type { Json, ResourceKind, ResourceSet } from './resource-set.ts';

/** What the case wants to see of istiod and is not there, or is there although it must not be: such a case shows nothing. */
export function missedShows({ shows, lacks }: OracleCase, answer: ResourceSet): readonly string[] {
  return [
    ...each(shows, (kind, part) => (contains(answer[kind], part) ? [] : [`${kind} lack ${JSON.stringify(part)}`])),
    ...each(lacks, (kind, part) => (contains(answer[kind], part) ? [`${kind} have ${JSON.stringify(part)}`] : [])),
  ];
}

function each(parts: Parts, check: (kind: ResourceKind, part: Json) => readonly string[]): readonly string[] {
  return resourceKinds.flatMap((kind) => (parts[kind] ?? []).flatMap((part) => check(kind, part)));
}
