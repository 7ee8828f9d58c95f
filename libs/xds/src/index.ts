export { OverlayView } from './overlay-view.ts';
export type { NodeInfo, Refusal, ResourceProvider, ResourceView, ViewChange } from './resource-provider.ts';
export { SnapshotStore } from './snapshot-store.ts';
export type { ResourceChange } from './snapshot-store.ts';
