import { describeRegistryContract } from '@isthmus/registry/testing';
import { FILE_ABILITIES, fileHarness } from './testing/harness.ts';

describeRegistryContract('A file of services', fileHarness, FILE_ABILITIES);
