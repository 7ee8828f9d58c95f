import type { Scope } from '@isthmus/model';
import { scopeId } from '@isthmus/model';
import { printable, scopeDiagnostic } from '@isthmus/registry';
import type { ConsulFailure } from './failure.ts';
import type { Problem } from './scope-state.ts';

const POLICY =
  'give the token a policy with service_prefix "" and node_prefix "" { policy = "read" } (docs/registries/consul.md)';

/** One service's answer cannot be used. */
export function badAnswer(scope: Scope, service: string, failure: ConsulFailure): Problem {
  return {
    partial: true,
    diagnostic: scopeDiagnostic(
      `${scopeId(scope)}/${printable(service)}`,
      failure.code ?? 'answer.invalid',
      failure.message,
      'the service stays as it was last known',
      failure.code === 'answer.too-large'
        ? 'split the service'
        : 'ask Consul (or the proxy in front of it) for /v1/health/service/… by hand',
    ),
  };
}

/** Consul marked the answer as shortened for lack of rights. */
export function filteredService(scope: Scope, service: string): Problem {
  return {
    partial: true,
    diagnostic: scopeDiagnostic(
      `${scopeId(scope)}/${printable(service)}`,
      'registry.partial',
      'Consul left instances out because the ACL token may not see them',
      'instances that are not listed any more are kept, since they may only be hidden',
      POLICY,
      'warning',
    ),
  };
}

export function filteredList(scope: Scope, anonymous: boolean): Problem {
  return {
    partial: true,
    diagnostic: scopeDiagnostic(
      scopeId(scope),
      'registry.partial',
      anonymous
        ? 'Consul lists nothing to a caller without an ACL token (its default policy is deny)'
        : 'Consul left services out of its list because the ACL token may not see them',
      'services that are not listed are kept if they were known, since they may only be hidden',
      anonymous ? `set auth.tokenFile or auth.tokenEnv; ${POLICY}` : POLICY,
      'warning',
    ),
  };
}

/** More services than calls that can wait: the rest is found by re-reading. Nothing is missing, it is only later. */
export function notAllWatched(scope: Scope, waiting: number, all: number, refused: boolean): Problem {
  const why = refused
    ? 'Consul refused connections from here (limits.http_max_conns_per_client)'
    : `maxConnections allows ${waiting} waiting calls`;
  return {
    partial: false,
    diagnostic: scopeDiagnostic(
      scopeId(scope),
      'registry.partial',
      `${all - waiting} of ${all} services have no blocking query of their own: ${why}`,
      'their changes are found by re-reading after each change of the catalog, which takes longer',
      'use the agent’s https port (HTTP/2 carries 200 waiting calls a connection), or raise limits.http_max_conns_per_client in Consul and maxConnections here',
      'warning',
    ),
  };
}
