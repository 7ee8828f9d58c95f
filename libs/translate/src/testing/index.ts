export { selfSigned } from './certificates.ts';
export type { Certificate } from './certificates.ts';
export { EchoServer } from './echo-server.ts';
export type { Seen } from './echo-server.ts';
export { meshService } from './mesh-service.ts';
export { FilesystemXds } from './filesystem-xds.ts';
