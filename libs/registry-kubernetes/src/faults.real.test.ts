import { describeFaultTable } from '@isthmus/registry/testing';
import { startKubernetes } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';
import { KUBERNETES_FAULTS } from './testing/scripted-harness.ts';

// The API server takes 5 s to start, more where two cores are busy.
describeFaultTable('Kubernetes 1.36 with RBAC', () => realHarness(startKubernetes), KUBERNETES_FAULTS, {
  row: 'kubernetes',
  deadlineMs: 60_000,
});
