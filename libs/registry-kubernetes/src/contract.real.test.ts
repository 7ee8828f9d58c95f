import { describeRegistryContract } from '@isthmus/registry/testing';
import { startKubernetes } from '@isthmus/servers';
import { realHarness } from './testing/real-harness.ts';
import { KUBERNETES_ABILITIES } from './testing/scripted-harness.ts';

// The API server takes 5 s to start, more where two cores are busy.
describeRegistryContract('Kubernetes 1.36 with RBAC', () => realHarness(startKubernetes), KUBERNETES_ABILITIES, {
  deadlineMs: 30_000,
  outageMs: 3_000,
});
