import { ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy as Upgrade } from '@isthmus/proto/istio';
import type { ConnectionPoolSettings, OutlierDetection, TrafficPolicy } from '@isthmus/proto/istio';
import { checkClientTls } from './client-tls.ts';
import { checkLoadBalancer } from './load-balancer.ts';
import { HOST_REMEDY, checkDuration, checkNotNegative, checkPercent, checkPort, hostProblem, isAddress } from './names.ts';
import type { Spot } from './spot.ts';

type PortPolicy = TrafficPolicy['portLevelSettings'][number];

export function checkTrafficPolicy(namespace: string, policy: TrafficPolicy | undefined, at: Spot): void {
  if (policy === undefined) return;
  const { tunnel, proxyProtocol, retryBudget, portLevelSettings } = policy;
  if (
    isEmpty(policy) &&
    portLevelSettings.length === 0 &&
    tunnel === undefined &&
    proxyProtocol === undefined &&
    retryBudget === undefined
  )
    return at.error('is empty', 'add what it should do, or take it out');
  if (tunnel !== undefined && proxyProtocol !== undefined)
    return at.at('tunnel').error('and proxyProtocol exclude each other', 'keep one of the two');
  checkCommon(namespace, policy, at);
  for (const [i, settings] of portLevelSettings.entries()) {
    const here = at.at('portLevelSettings', i);
    if (settings.port === undefined) here.error('has no port', 'add `port: { number: ... }`');
    if (isEmpty(settings)) here.error('says nothing of its port', 'add loadBalancer, connectionPool, outlierDetection or tls');
    else checkCommon(namespace, settings, here);
  }
  if (tunnel === undefined) return;
  if (!['', 'CONNECT', 'POST'].includes(tunnel.protocol))
    at.at('tunnel', 'protocol').error(`is ${JSON.stringify(tunnel.protocol)}`, 'use CONNECT or POST');
  const problem = isAddress(tunnel.targetHost) ? undefined : hostProblem(tunnel.targetHost);
  if (problem !== undefined)
    at.at('tunnel', 'targetHost').error(`is ${JSON.stringify(tunnel.targetHost)}, which ${problem}`, HOST_REMEDY);
  checkPort(tunnel.targetPort, at.at('tunnel', 'targetPort'));
}

function isEmpty({ outlierDetection, connectionPool, loadBalancer, tls }: PortPolicy | TrafficPolicy): boolean {
  return outlierDetection === undefined && connectionPool === undefined && loadBalancer === undefined && tls === undefined;
}

function checkCommon(namespace: string, policy: PortPolicy | TrafficPolicy, at: Spot): void {
  checkOutlierDetection(policy.outlierDetection, at.at('outlierDetection'));
  checkConnectionPool(policy.connectionPool, at.at('connectionPool'));
  checkLoadBalancer(policy.loadBalancer, policy.outlierDetection !== undefined, at.at('loadBalancer'));
  checkClientTls(namespace, policy.tls, at.at('tls'));
}

function checkOutlierDetection(outlier: OutlierDetection | undefined, at: Spot): void {
  if (outlier === undefined) return;
  checkDuration(outlier.baseEjectionTime, at.at('baseEjectionTime'));
  checkDuration(outlier.interval, at.at('interval'));
  if (outlier.consecutiveErrors !== 0)
    at.at('consecutiveErrors').warn('is an old setting', 'use consecutiveGatewayErrors or consecutive5xxErrors');
  if (!outlier.splitExternalLocalOriginErrors && (outlier.consecutiveLocalOriginFailures ?? 0) > 0)
    at.at('consecutiveLocalOriginFailures').error(
      'counts nothing: local failures are not told from others',
      'set splitExternalLocalOriginErrors: true',
    );
  checkPercent(outlier.maxEjectionPercent, at.at('maxEjectionPercent'));
  checkPercent(outlier.minHealthPercent, at.at('minHealthPercent'));
}

export function checkConnectionPool(pool: ConnectionPoolSettings | undefined, at: Spot): void {
  if (pool === undefined) return;
  const { http, tcp } = pool;
  if (http === undefined && tcp === undefined) return at.error('is empty', 'add tcp or http');
  if (http !== undefined) {
    const here = at.at('http');
    for (const field of [
      'http1MaxPendingRequests',
      'http2MaxRequests',
      'maxRequestsPerConnection',
      'maxRetries',
      'maxConcurrentStreams',
    ] as const)
      checkNotNegative(http[field], here.at(field));
    checkDuration(http.idleTimeout, here.at('idleTimeout'));
    if (http.h2UpgradePolicy === Upgrade.UPGRADE && http.useClientProtocol)
      here.at('useClientProtocol').error('and h2UpgradePolicy UPGRADE exclude each other', 'keep one of the two');
    if (http.http2KeepAlive !== undefined)
      for (const field of ['interval', 'timeout'] as const) {
        if (http.http2KeepAlive[field] === undefined) here.at('http2KeepAlive').error(`has no ${field}`, 'add it');
        checkDuration(http.http2KeepAlive[field], here.at('http2KeepAlive', field));
      }
  }
  if (tcp === undefined) return;
  const here = at.at('tcp');
  checkNotNegative(tcp.maxConnections, here.at('maxConnections'));
  checkDuration(tcp.connectTimeout, here.at('connectTimeout'));
  checkDuration(tcp.maxConnectionDuration, here.at('maxConnectionDuration'));
  // 0 switches it off.
  if (tcp.idleTimeout !== undefined && (tcp.idleTimeout.seconds !== 0n || Math.abs(tcp.idleTimeout.nanos) >= 1_000_000))
    checkDuration(tcp.idleTimeout, here.at('idleTimeout'));
  checkDuration(tcp.tcpKeepalive?.time, here.at('tcpKeepalive', 'time'));
  checkDuration(tcp.tcpKeepalive?.interval, here.at('tcpKeepalive', 'interval'));
}
