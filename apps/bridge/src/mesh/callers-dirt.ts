import type { MeshHost } from '@isthmus/model';
import { coversHost } from '@isthmus/policy';
import type { ObjectChange } from '@isthmus/policy';
import { CALLERS_LABEL } from '@isthmus/translate';
import type { IstioObject } from '@isthmus/proto/istio';

/** The VirtualService that counts for a host, of those that a namespace sees, in their order: the host's own, else the longest wildcard. */
export function covering(
  rules: readonly IstioObject<'VirtualService'>[],
  host: MeshHost,
): IstioObject<'VirtualService'> | undefined {
  let found: { readonly rule: IstioObject<'VirtualService'>; readonly by: string } | undefined;
  for (const rule of rules)
    for (const by of rule.spec.hosts) {
      if (by === host) return rule;
      if (coversHost(by, host) && by.length > (found?.by.length ?? 0)) found = { rule, by };
    }
  return found?.rule;
}

/** Made by a bridge for a plan: no rule that somebody wrote. One who reads the cluster that it writes to would follow itself. */
export function isMadeForCallers(change: ObjectChange): boolean {
  return (change.after ?? change.before)?.labels[CALLERS_LABEL] !== undefined;
}

/** Hosts under plans that what changed may say something of. */
export function* hostsConcerned(changes: readonly ObjectChange[], hosts: Iterable<MeshHost>): Generator<MeshHost> {
  const said = changes.flatMap(({ before, after }) => [...hostsOf(before), ...hostsOf(after)]);
  if (said.length === 0) return;
  // A short host means a namespace's own; there are few, and so are plans.
  for (const host of hosts) if (said.some((each) => !each.includes('.') || coversHost(each, host))) yield host;
}

function hostsOf(object: IstioObject | undefined): readonly string[] {
  if (object?.kind === 'VirtualService') return (object as IstioObject<'VirtualService'>).spec.hosts.map(lower);
  if (object?.kind === 'DestinationRule') return [lower((object as IstioObject<'DestinationRule'>).spec.host)];
  return [];
}

const lower = (text: string): string => text.toLowerCase();
