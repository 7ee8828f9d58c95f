export { backoff, pause } from './backoff.ts';
export { printable } from './build-endpoint.ts';
export type { RawInstance } from './build-endpoint.ts';
export { buildRecord } from './build-record.ts';
export type { RecordResult } from './build-record.ts';
export { EventChannel } from './event-channel.ts';
export { meshHostName } from './mesh-host-name.ts';
export { serviceFilter } from './registry-source.ts';
export type { RegistrySource, ServiceFilter } from './registry-source.ts';
