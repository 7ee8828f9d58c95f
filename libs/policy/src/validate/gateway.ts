import { ServerTLSSettings_TLSmode as Mode } from '@isthmus/proto/istio';
import type { IstioObject, Server } from '@isthmus/proto/istio';
import {
  HOST_REMEDY,
  UNIX,
  checkAddress,
  checkPort,
  checkSocket,
  isAddress,
  isHttp,
  isLabel,
  isProtocol,
  isTls,
  wildcardHostProblem,
} from './names.ts';
import { checkServerTls } from './server-tls.ts';
import type { Spot } from './spot.ts';

export function checkGateway({ spec }: IstioObject<'Gateway'>, at: Spot): void {
  if (spec.servers.length === 0) at.error('has no servers', 'add `servers: [...]`');
  const names = spec.servers.map(({ port }) => port?.name);
  for (const [i, server] of spec.servers.entries()) {
    const here = at.at('servers', i);
    checkServer(server, here);
    if (server.port === undefined) continue;
    if (names.indexOf(server.port.name) < i)
      here
        .at('port', 'name')
        .error(`is ${JSON.stringify(server.port.name)}, which is there already`, 'give every port a name of its own');
    if (!isHttp(server.port.protocol) && server.tls?.httpsRedirect === true)
      here.at('tls', 'httpsRedirect').warn('redirects a port that speaks no plain HTTP', 'set it on the HTTP port');
  }
}

function checkServer(server: Server, at: Spot): void {
  const { hosts, port, bind, tls } = server;
  if (hosts.length === 0) at.error('has no hosts', 'add `hosts: ["*"]`');
  for (const [i, host] of hosts.entries()) checkGatewayHost(host, at.at('hosts', i));
  const isPortValid = checkServerPort(server, at);
  if (bind.startsWith(UNIX)) {
    checkSocket(bind.slice(UNIX.length), at.at('bind'));
    if ((port?.number ?? 0) !== 0) at.at('port', 'number').error('is set, and a Unix socket has none', 'use 0');
  } else if (bind !== '') checkAddress(bind, at.at('bind'));
  checkServerTls(tls, at.at('tls'));
  if (!isPortValid || port === undefined) return;
  if (isTls(port.protocol) && tls === undefined)
    at.error(`has no tls, which ${port.protocol} needs`, 'add `tls: { mode: SIMPLE, credentialName: ... }`');
  if (isTls(port.protocol) || tls === undefined) return;
  const onlyRedirects =
    (tls.mode === Mode.PASSTHROUGH || tls.mode === Mode.AUTO_PASSTHROUGH) &&
    tls.caCertificates + tls.privateKey + tls.serverCertificate === '';
  if (!isHttp(port.protocol) || !onlyRedirects)
    at.at('tls').error(
      `is set, and ${port.protocol} is not encrypted`,
      'use protocol HTTPS or TLS; httpsRedirect alone is fine with HTTP',
    );
}

/** Gives whether there is nothing wrong with it. */
function checkServerPort({ port, bind }: Server, at: Spot): boolean {
  if (port === undefined) {
    at.error('has no port', 'add `port: { number: 80, name: http, protocol: HTTP }`');
    return false;
  }
  const here = at.at('port');
  const hasProtocol = isProtocol(port.protocol);
  if (!hasProtocol)
    here
      .at('protocol')
      .error(`is ${JSON.stringify(port.protocol)}`, 'use HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, REDIS, MYSQL, TCP or TLS');
  const needsNumber = port.number > 0 || !bind.startsWith(UNIX);
  if (needsNumber) checkPort(port.number, here.at('number'));
  if (port.targetPort > 0) here.at('targetPort').error('has no meaning in a Gateway', 'take it out');
  if (port.name === '') here.error('has no name', 'add it, such as http');
  const isNumberValid = !needsNumber || (port.number >= 1 && port.number <= 65_535);
  return hasProtocol && isNumberValid && port.targetPort === 0 && port.name !== '';
}

/** `host` or `namespace/host`. */
function checkGatewayHost(text: string, at: Spot): void {
  const slash = text.indexOf('/');
  const [namespace, host] = slash < 0 ? ['*', text] : [text.slice(0, slash), text.slice(slash + 1)];
  if (namespace !== '*' && namespace !== '.' && !isLabel(namespace))
    at.error(`is ${JSON.stringify(text)}, whose namespace is none`, 'write namespace/host, ./host or */host');
  checkHostPart(host, true, at);
}

/** Istio takes no short names here, because nobody says of which namespace. */
export function checkHostPart(host: string, mayBeAddress: boolean, at: Spot): void {
  if (host !== '*' && !host.includes('.'))
    at.error(`is ${JSON.stringify(host)}, a short name`, 'write the whole host, such as orders.shop.svc.cluster.local');
  const problem = wildcardHostProblem(host);
  if (problem !== undefined && !(mayBeAddress && isAddress(host)))
    at.error(`is ${JSON.stringify(host)}, which ${problem}`, HOST_REMEDY);
  else if (host.includes('*') && host.length > 1 && !host.startsWith('*.'))
    at.error(`is ${JSON.stringify(host)}: a * stands for whole labels only`, 'write *.example.com');
}
