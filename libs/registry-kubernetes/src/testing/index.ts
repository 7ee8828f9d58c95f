export { podObject, serviceObject, sliceObject, sliceOf } from './objects.ts';
export { openKubernetes } from './scripted-harness.ts';
