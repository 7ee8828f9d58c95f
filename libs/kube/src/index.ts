export { openAccess } from './access.ts';
export type { KubeAccess, KubeAccessOptions, KubeCredentials } from './access.ts';
export { Heartbeat } from './heartbeat.ts';
export type { HeartbeatOptions } from './heartbeat.ts';
export { inform } from './informer.ts';
export type { InformerEvent, InformerOptions, InformerStatus, InformerTiming } from './informer.ts';
export { KubeClient } from './kube-client.ts';
export type { KubeAnswer, KubeCall, KubeClientOptions, KubeStream } from './kube-client.ts';
export { describeAttempt, KubeError, ruleFor } from './kube-error.ts';
export type { Attempt, KubeReason } from './kube-error.ts';
export { applyObject, createObject, deleteObject, getObject, listPages, replaceObject } from './objects.ts';
export type { ApplyOptions, DeleteOptions, ListOptions, ObjectRef, Page } from './objects.ts';
export {
  apiVersionOf,
  CONFIG_MAPS,
  DESTINATION_RULES,
  ENDPOINT_SLICES,
  LEASES,
  NAMESPACES,
  NODES,
  objectKey,
  pathOf,
  PODS,
  SERVICE_ENTRIES,
  SERVICES,
  VIRTUAL_SERVICES,
  WORKLOAD_ENTRIES,
} from './resource.ts';
export type { KubeObject, ObjectMeta, Resource } from './resource.ts';
export { SharedInformer } from './shared-informer.ts';
export { TokenBucket } from './token-bucket.ts';
export type { TokenBucketOptions } from './token-bucket.ts';
