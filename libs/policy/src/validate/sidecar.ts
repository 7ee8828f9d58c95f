import { CaptureMode, OutboundTrafficPolicy_Mode, ServerTLSSettings_TLSmode as Mode } from '@isthmus/proto/istio';
import type { IstioObject, ServerTLSSettings, Sidecar } from '@isthmus/proto/istio';
import { checkDestination } from './destination.ts';
import { checkHostPart } from './gateway.ts';
import {
  UNIX,
  checkAddress,
  checkHost,
  checkPort,
  checkPortName,
  checkProtocol,
  checkSocket,
  isHttp,
  isLabel,
  isTls,
} from './names.ts';
import { checkSelector } from './selectors.ts';
import { checkServerTls } from './server-tls.ts';
import type { Spot } from './spot.ts';
import { checkConnectionPool } from './traffic-policy.ts';

type Ingress = Sidecar['ingress'][number];
type Egress = Sidecar['egress'][number];

export function checkSidecar({ namespace, spec }: IstioObject<'Sidecar'>, at: Spot): void {
  checkSelector(spec.workloadSelector?.labels, at.at('workloadSelector'), 'labels');
  if (
    spec.egress.length + spec.ingress.length === 0 &&
    spec.outboundTrafficPolicy === undefined &&
    spec.inboundConnectionPool === undefined
  )
    at.error('is empty', 'add egress, ingress, outboundTrafficPolicy or inboundConnectionPool');
  const numbers = spec.ingress.map(({ port }) => port?.number);
  for (const [i, listener] of spec.ingress.entries()) {
    const here = at.at('ingress', i);
    if (listener.port !== undefined && numbers.indexOf(listener.port.number) < i)
      here.at('port', 'number').error(`is ${listener.port.number}, which is there already`, 'use each port once');
    checkIngress(listener, here);
  }
  checkConnectionPool(spec.inboundConnectionPool, at.at('inboundConnectionPool'));
  checkEgress(namespace, spec.egress, at.at('egress'));
  checkOutbound(spec, at.at('outboundTrafficPolicy'));
}

function checkIngress(listener: Ingress, at: Spot): void {
  const { port, bind, defaultEndpoint, tls, connectionPool } = listener;
  if (port === undefined) return at.error('has no port', 'add `port: { number: ..., name: ..., protocol: ... }`');
  checkListenerPort(port, at.at('port'));
  checkPort(port.number, at.at('port', 'number'));
  if (bind !== '') checkAddress(bind, at.at('bind'));
  if (defaultEndpoint !== '') checkEndpoint(defaultEndpoint, at.at('defaultEndpoint'));
  if (tls !== undefined) checkIngressTls(tls, port.protocol, at.at('tls'));
  checkConnectionPool(connectionPool, at.at('connectionPool'));
  if (connectionPool?.http !== undefined && !isHttp(port.protocol))
    at.at('connectionPool', 'http').warn(`has no effect: the port speaks ${port.protocol}`, 'use tcp');
}

function checkListenerPort(port: NonNullable<Ingress['port']>, at: Spot): void {
  if (port.targetPort > 0) at.at('targetPort').error('has no meaning in a Sidecar', 'take it out');
  if (port.name !== '') checkPortName(port.name, at.at('name'));
  checkProtocol(port.protocol, at.at('protocol'));
}

const LOCAL = ['', '127.0.0.1', '0.0.0.0', '::1', '::'];

/** `127.0.0.1:8080`, `[::1]:8080`, `:8080` or a socket. */
function checkEndpoint(text: string, at: Spot): void {
  if (text.startsWith(UNIX)) return checkSocket(text.slice(UNIX.length), at);
  const [, bracketed, plain, port = ''] = /^(?:\[([^\][]*)\]|([^:\][]*)):(.*)$/.exec(text) ?? [];
  if (!LOCAL.includes(bracketed ?? plain ?? 'none') || !/^[+-]?\d+$/.test(port))
    return at.error(
      `is ${JSON.stringify(text)}`,
      'write 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT, :PORT or unix://PATH',
    );
  checkPort(Number(port), at);
}

function checkIngressTls(tls: ServerTLSSettings, protocol: string, at: Spot): void {
  for (const field of ['subjectAltNames', 'credentialName', 'credentialNames', 'tlsCertificates'] as const)
    if (tls[field].length > 0) at.at(field).error('is not known in a Sidecar', 'name files: serverCertificate and privateKey');
  if (tls.httpsRedirect) at.at('httpsRedirect').error('is not known in a Sidecar', 'take it out');
  if (tls.mode === Mode.ISTIO_MUTUAL || tls.mode === Mode.AUTO_PASSTHROUGH)
    at.at('mode').error('is none that a Sidecar can have', 'use SIMPLE, MUTUAL or PASSTHROUGH');
  if (!isTls(protocol)) at.error('is set, and the port is not encrypted', 'use protocol HTTPS or TLS');
  checkServerTls(tls, at);
}

function checkEgress(namespace: string, listeners: readonly Egress[], at: Spot): void {
  const places = new Set<number | string>();
  for (const [i, listener] of listeners.entries()) {
    const here = at.at(i);
    const { port, bind, captureMode, hosts } = listener;
    if (port === undefined) {
      if (i < listeners.length - 1) here.error('has no port, and is not the last', 'move it to the end');
    } else {
      checkListenerPort(port, here.at('port'));
      const place = port.number === 0 ? bind : port.number;
      if (places.has(place)) here.at('port').error('is where another listener is', 'use each port and socket once');
      places.add(place);
      if (port.number !== 0) {
        checkPort(port.number, here.at('port', 'number'));
        if (bind !== '') checkAddress(bind, here.at('bind'));
      } else {
        if (bind.startsWith(UNIX)) checkSocket(bind.slice(UNIX.length), here.at('bind'));
        else here.error('has port 0, and its bind is no Unix socket', 'set the port, or `bind: unix://...`');
        if (captureMode !== CaptureMode.DEFAULT && captureMode !== CaptureMode.NONE)
          here.at('captureMode').error('is none that a Unix socket can have', 'use DEFAULT or NONE');
      }
    }
    if (hosts.length === 0) here.error('has no hosts', 'add `hosts: ["./*"]`');
    checkEgressHosts(namespace, hosts, here.at('hosts'));
  }
}

/** `namespace/host`; a `~` before the namespace leaves out. */
function checkEgressHosts(namespace: string, hosts: readonly string[], at: Spot): void {
  const byNamespace = new Map<string, Set<string>>();
  for (const [i, text] of hosts.entries()) {
    const slash = text.indexOf('/');
    if (slash < 0) {
      at.at(i).error(`is ${JSON.stringify(text)}`, 'write namespace/host, such as ./* or shop/orders.shop.svc.cluster.local');
      continue;
    }
    const [where, host] = [text.slice(0, slash), text.slice(slash + 1)];
    if (!where.startsWith('~')) {
      const known = byNamespace.get(where === '.' ? namespace : where) ?? new Set<string>();
      if (host === '*' ? known.size > 0 : known.has(host) || known.has('*'))
        at.at(i).warn(`is ${JSON.stringify(text)}, which is covered already`, 'take one of the two out');
      byNamespace.set(where === '.' ? namespace : where, known.add(host));
    }
    const name = where.replace(/^~/, '');
    if (where === '' || (name !== '' && name !== '*' && name !== '.' && !isLabel(name)))
      at.at(i).error(`is ${JSON.stringify(text)}, whose namespace is none`, 'write namespace/host, ./host or */host');
    checkHostPart(host, false, at.at(i));
  }
  if (byNamespace.get('*')?.has('*') === true && byNamespace.size > 1)
    at.warn('has "*/*" and others, which it covers', 'keep "*/*" alone');
}

function checkOutbound({ outboundTrafficPolicy: policy }: Sidecar, at: Spot): void {
  if (policy?.egressProxy === undefined) return;
  const { egressProxy, mode } = policy;
  if (mode !== OutboundTrafficPolicy_Mode.ALLOW_ANY)
    return at.at('egressProxy').error('is set without mode ALLOW_ANY', 'use mode: ALLOW_ANY');
  checkHost(egressProxy.host, at.at('egressProxy', 'host'));
  if (egressProxy.port === undefined) at.at('egressProxy').error('has no port', 'add `port: { number: ... }`');
  else checkDestination(egressProxy, at.at('egressProxy'));
}
