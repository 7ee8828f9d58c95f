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

export function notShared(count: number): Diagnostic {
  return {
    code: 'workload.not-shared',
    severity: 'warning',
    where: 'istio',
    what: `${count} ${count === 1 ? 'workload has' : 'workloads have'} registered here by a WorkloadGroup`,
    meaning: 'the other replicas know only those that are connected to them, and so do their callers',
    remedy: 'use one replica with WorkloadGroups, or write WorkloadEntries',
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
