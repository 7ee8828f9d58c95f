export { consulConfig } from './config.ts';
export type { ConsulConfig } from './config.ts';
export { consulRegistry } from './kind.ts';
