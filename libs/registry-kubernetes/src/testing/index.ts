export { podObject, serviceObject, sliceObject, sliceOf } from './objects.ts';
export { realHarness } from './real-harness.ts';
export { openKubernetes } from './scripted-harness.ts';
