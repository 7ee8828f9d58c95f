import { describeRegistryContract } from '@isthmus/registry/testing';
import { realHarness } from './testing/real-harness.ts';
import { KUBERNETES_ABILITIES } from './testing/scripted-harness.ts';

// The API server takes 5 s to start, more where two cores are busy.
describeRegistryContract('Kubernetes 1.36 with RBAC', realHarness, KUBERNETES_ABILITIES, { deadlineMs: 30_000, outageMs: 3_000 });
