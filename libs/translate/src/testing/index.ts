export { selfSigned } from './certificates.ts';
export type { Certificate } from './certificates.ts';
export { EchoServer } from './echo-server.ts';
export type { Seen } from './echo-server.ts';
export { meshService } from './mesh-service.ts';
export type { EndpointSketch } from './mesh-service.ts';
export { proxyOf } from './sketches.ts';
export { FilesystemXds } from './filesystem-xds.ts';
