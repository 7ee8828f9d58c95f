export { startEnvoy, type EnvoyBootstrap, type EnvoyOptions, type EnvoyPorts, type EnvoyServer } from './envoy.ts';
export { startNacos2, startNacos3, type NacosOptions, type NacosPorts, type NacosServer } from './nacos.ts';
export { freePortBase, freePorts, isFree } from './ports.ts';
export { http, type HttpAnswer, type HttpCall } from './probe.ts';
export { ServerStartError, type CommonOptions, type RestartOptions, type Server, type StopOptions } from './server.ts';
export { isServerName, serverNames, servers, type ServerName } from './versions.ts';
