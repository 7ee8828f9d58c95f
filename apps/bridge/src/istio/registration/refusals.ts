import type { Diagnostic } from '@isthmus/model';
import type { Claim } from './claim.ts';

export function full(most: number): readonly [what: string, remedy: string] {
  return [`${most} workloads are registered already`, 'write the others as WorkloadEntries'];
}

export function missing({ namespace, group }: Claim): { readonly problem: string; readonly remedy: string } {
  return {
    problem: `there is no WorkloadGroup ${namespace}/${group}`,
    remedy: 'add the group, or take AUTO_REGISTER_GROUP out of the bootstrap',
  };
}

/** @param why '' where the leader was reached */
export function notShared(count: number, why: string): Diagnostic {
  return {
    code: 'workload.not-shared',
    severity: 'warning',
    where: 'istio',
    what: `${count} ${count === 1 ? 'workload that has registered here is' : 'workloads that have registered here are'} not in the ledger of the replicas${why === '' ? '' : `: ${why}`}`,
    meaning: 'callers of this replica have them, those of the other replicas do not, or as they were before',
    remedy:
      'see that this replica reaches the control API of the one that leads (ledger.advertise), that all have the same control.auth.tokensFile, and that the store answers (isthmus get replica)',
  };
}

export function unregistered(node: string, what: string, remedy: string): Diagnostic {
  return {
    code: 'workload.unregistered',
    severity: 'warning',
    where: `proxy ${node}`,
    what,
    meaning: 'it is served, and is no endpoint of any service by its WorkloadGroup',
    remedy,
  };
}

/** @param key as it is in the ledger: what it says may be anything */
export function unreadable(key: string): Diagnostic {
  return {
    ...unregistered(
      key.slice(0, 200),
      'what the ledger has of it is no workload',
      'none if it is connected: it is written anew then',
    ),
    meaning: 'it is left out until its proxy connects again: the ledger is damaged, or was written by another version',
  };
}
