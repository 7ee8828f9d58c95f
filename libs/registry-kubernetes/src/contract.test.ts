import { describeRegistryContract } from '@isthmus/registry/testing';
import { KUBERNETES_ABILITIES, scriptedHarness } from './testing/scripted-harness.ts';

describeRegistryContract('Kubernetes on a scripted API server', scriptedHarness, KUBERNETES_ABILITIES);
