export { deltaClient, sotwClient } from './ads-client.ts';
export type { AdsClientOptions, DeltaClient, SotwClient } from './ads-client.ts';
