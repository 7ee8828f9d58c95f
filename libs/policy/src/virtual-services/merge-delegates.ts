import { clone } from '@bufbuild/protobuf';
import { VirtualServiceSchema, visibilityIn } from '@isthmus/proto/istio';
import type { Diagnostic } from '@isthmus/model';
import type { HTTPRoute, IstioObject } from '@isthmus/proto/istio';
import { mergeRoute } from './merge-route.ts';

type Rule = IstioObject<'VirtualService'>;

export interface MergedRule {
  readonly rule: Rule;
  /** `namespace/name` of every delegate that it names, found or not. */
  readonly delegates: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The root with the routes of its delegates in the place of those that name them. @param find a VirtualService by `namespace/name` */
export function mergeDelegates(root: Rule, find: (key: string) => Rule | undefined): MergedRule {
  if (root.spec.http.every(({ delegate }) => delegate === undefined)) return { rule: root, delegates: [], diagnostics: [] };
  const delegates = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  const versions = [root.version];
  const http: HTTPRoute[] = [];
  for (const route of root.spec.http) {
    if (route.delegate === undefined) {
      http.push(route);
      continue;
    }
    const key = `${route.delegate.namespace || root.namespace}/${route.delegate.name}`;
    delegates.add(key);
    const delegate = find(key);
    const problem = problemWith(root, delegate);
    if (delegate === undefined || problem !== undefined) {
      diagnostics.push(left(root, `its route ${quoted(route.name)} is left out: the delegate ${key} ${problem}`));
      continue;
    }
    versions.push(delegate.version);
    for (const inner of delegate.spec.http) {
      const merged = inner.delegate === undefined ? mergeRoute(route, inner) : undefined;
      if (merged !== undefined) http.push(merged);
      else diagnostics.push(left(root, `route ${quoted(inner.name)} of ${key} is left out: ${whyNot(inner)}`));
    }
  }
  const spec = clone(VirtualServiceSchema, root.spec);
  spec.http = http;
  return { rule: { ...root, spec, version: versions.join('+') }, delegates: [...delegates], diagnostics };
}

function problemWith(root: Rule, delegate: Rule | undefined): string | undefined {
  if (delegate === undefined) return 'is not there';
  if (delegate.spec.hosts.length > 0) return 'has hosts, which makes it a rule of its own';
  return visibilityIn(root.namespace, delegate) === 'none' ? `is not exported to ${root.namespace}` : undefined;
}

function whyNot({ delegate }: HTTPRoute): string {
  return delegate === undefined
    ? 'its match is not within the match of the route that delegates to it'
    : 'a delegate cannot delegate';
}

function left({ place }: Rule, what: string): Diagnostic {
  return {
    code: 'rule.delegate',
    severity: 'error',
    where: place,
    what,
    meaning: 'requests that it should take go to the next route that matches',
    remedy: 'make the delegate a VirtualService without hosts, exported to this namespace, whose matches narrow the root’s',
  };
}

function quoted(name: string): string {
  return name === '' ? 'without a name' : `"${name}"`;
}
