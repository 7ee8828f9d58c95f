import { describeRegistryContract } from '@isthmus/registry/testing';
import { EUREKA_ABILITIES, scriptedHarness } from './testing/scripted-harness.ts';

describeRegistryContract('Eureka on a scripted wire', scriptedHarness, EUREKA_ABILITIES);
