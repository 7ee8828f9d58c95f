export { FilesOutput } from './files/files-output.ts';
export type { FilesOutputOptions } from './files/files-output.ts';
export { KubernetesOutput } from './kubernetes/kubernetes-output.ts';
export type { KubernetesOutputOptions } from './kubernetes/kubernetes-output.ts';
export { placesOf } from './kubernetes/own-view.ts';
export type { ObjectOutput, Render } from './object-output.ts';
