import { describeFaultTable } from '@isthmus/registry/testing';
import { FILE_FAULTS, fileHarness } from './testing/harness.ts';

describeFaultTable('a file of services', fileHarness, FILE_FAULTS, { row: 'file' });
