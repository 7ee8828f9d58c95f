import { formatPath } from '@isthmus/config';
import type { IstioKind } from '@isthmus/proto/istio';
import { parseHeader } from './metadata.ts';
import { istioKey } from './parse-istio-yaml.ts';
import type { IstioFile } from './parse-istio-yaml.ts';
import { parseObject } from './parse-object.ts';
import type { Issue, Problem } from './problem.ts';

/** An object as the API server of Kubernetes gives it. */
export interface CustomObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

/** The same checks as for files; places are `k8s VirtualService shop/orders`. Never throws. */
export function parseCustomObject(kind: IstioKind, object: CustomObject): IstioFile {
  const { name, namespace = 'default' } = object.metadata;
  const label = `${kind} ${namespace}/${name}`;
  const place = `k8s ${label}`;
  const { header, issues: ofHeader } = parseHeader(kind, object.metadata, namespace, place);
  const parsed = parseObject(header, object.spec);
  const problem = (issue: Issue, root: string): Problem => ({
    severity: issue.severity,
    file: place,
    line: 1,
    column: 1,
    place,
    object: label,
    what: `${formatPath([root, ...issue.path])} ${issue.what}`,
    why: issue.severity === 'error' ? 'Istio would refuse the object' : 'Istio takes it too, and warns',
    remedy: issue.remedy,
  });
  const problems = [
    ...ofHeader.map((issue) => problem(issue, 'metadata')),
    ...parsed.issues.map((issue) => problem(issue, issue.inMetadata === true ? 'metadata' : 'spec')),
  ];
  const isGood = parsed.object !== undefined && ofHeader.length === 0;
  return {
    objects: isGood && parsed.object !== undefined ? [parsed.object] : [],
    problems,
    refused: isGood ? [] : [istioKey(header)],
    readable: true,
  };
}
