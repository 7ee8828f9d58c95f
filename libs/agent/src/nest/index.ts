export { IsthmusHealth } from './isthmus-health.ts';
export type { IsthmusHealthResult } from './isthmus-health.ts';
export { IsthmusModule } from './isthmus-module.ts';
export type { IsthmusAsyncOptions } from './isthmus-module.ts';
export { Isthmus } from './isthmus.ts';
export type { IsthmusOptions } from './isthmus.ts';
export type { CallAnswer, CallOptions } from './target-call.ts';
export { TargetHandle } from './target-handle.ts';
export { Target, targetToken } from './target.ts';
