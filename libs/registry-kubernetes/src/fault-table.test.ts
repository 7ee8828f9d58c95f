import { describeFaultTable } from '@isthmus/registry/testing';
import { KUBERNETES_FAULTS, scriptedHarness } from './testing/scripted-harness.ts';

describeFaultTable('a scripted API server', scriptedHarness, KUBERNETES_FAULTS, {
  row: 'kubernetes',
  notHere: { slow: 'the scripted server has delays of its own, which faults.test.ts tries' },
});
