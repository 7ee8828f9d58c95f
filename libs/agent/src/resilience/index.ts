export { wrapAxios } from './axios-retry.ts';
export type { AxiosOption } from './axios-retry.ts';
export type { TargetOption } from './call-owner.ts';
export { wrapPolicy } from './cockatiel.ts';
export { wrapBreaker, wrapOpossum } from './opossum.ts';
export { resilienceParts } from './resilience-parts.ts';
export type { ResiliencePart } from './resilience-parts.ts';
export { ownedRetry, wrapRetryAgent } from './undici-retry.ts';
