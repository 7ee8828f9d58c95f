import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { IstioConfig } from '@isthmus/config';
import {
  ConnectionPoolSettings_TCPSettings_TcpKeepaliveSchema,
  HTTPRetrySchema,
  LocalityLoadBalancerSettingSchema,
} from '@isthmus/proto/istio';
import type { MeshOptions } from '@isthmus/translate';

type MeshConfig = Omit<IstioConfig, 'from' | 'namespace'>;

/** What of the config's `istio` section is MeshConfig in Istio. */
export function meshOptions(config: MeshConfig): MeshOptions {
  const { domain, rootNamespace, outboundTrafficPolicy: outbound } = config;
  const { connectTimeout, tcpKeepalive, localityLbSetting, defaultHttpRetryPolicy } = config;
  return {
    domain,
    rootNamespace,
    outbound,
    ...(connectTimeout !== undefined && { connectTimeout: time(connectTimeout) }),
    ...(tcpKeepalive !== undefined && { tcpKeepalive: keepalive(tcpKeepalive) }),
    ...(localityLbSetting !== undefined && { localityLb: create(LocalityLoadBalancerSettingSchema, localityLbSetting) }),
    ...(defaultHttpRetryPolicy !== undefined && { retries: retries(defaultHttpRetryPolicy) }),
    exportTo: {
      services: config.defaultServiceExportTo,
      virtualServices: config.defaultVirtualServiceExportTo,
      destinationRules: config.defaultDestinationRuleExportTo,
    },
  };
}

function keepalive({ probes = 0, time: after, interval }: NonNullable<MeshConfig['tcpKeepalive']>) {
  return create(ConnectionPoolSettings_TCPSettings_TcpKeepaliveSchema, {
    probes,
    ...(after !== undefined && { time: time(after) }),
    ...(interval !== undefined && { interval: time(interval) }),
  });
}

function retries({ attempts, perTryTimeout, backoff, ...policy }: NonNullable<MeshConfig['defaultHttpRetryPolicy']>) {
  const { retryOn = '', retryRemoteLocalities, retryIgnorePreviousHosts } = policy;
  return create(HTTPRetrySchema, {
    attempts,
    retryOn,
    ...(perTryTimeout !== undefined && { perTryTimeout: time(perTryTimeout) }),
    ...(backoff !== undefined && { backoff: time(backoff) }),
    ...(retryRemoteLocalities !== undefined && { retryRemoteLocalities }),
    ...(retryIgnorePreviousHosts !== undefined && { retryIgnorePreviousHosts }),
  });
}

function time(ms: number) {
  return create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 });
}
