import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  Cluster_DiscoveryType,
  ClusterLoadAssignmentSchema,
  ClusterSchema,
  HttpConnectionManagerSchema,
  ListenerSchema,
  RouteConfigurationSchema,
  RouterSchema,
} from '@isthmus/proto/envoy';
import type { Resource } from '@isthmus/model';
import type { ResourceChange } from '../snapshot-store.ts';
import { CDS, EDS, LDS, RDS } from '../type-urls.ts';

// Small valid resources, for servers under test: what translate makes is not the question here.

const ads = { configSourceSpecifier: { case: 'ads' as const, value: {} }, resourceApiVersion: ApiVersion.V3 };

/** The server as a cluster of the bootstrap, for types that come over streams of their own. */
const apartSource = (apiType: ApiConfigSource_ApiType) => ({
  configSourceSpecifier: {
    case: 'apiConfigSource' as const,
    value: {
      apiType,
      transportApiVersion: ApiVersion.V3,
      grpcServices: [{ targetSpecifier: { case: 'envoyGrpc' as const, value: { clusterName: 'xds' } } }],
    },
  },
  resourceApiVersion: ApiVersion.V3,
});

/** @param apart how its endpoints come, if not over ADS */
export function cluster(name: string, version = '1', serviceName = name, apart?: ApiConfigSource_ApiType): ResourceChange {
  const message = create(ClusterSchema, {
    name,
    altStatName: `${name}-${version}`,
    connectTimeout: { seconds: 1n },
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      edsConfig: { ...(apart === undefined ? ads : apartSource(apart)), initialFetchTimeout: { seconds: 0n } },
      serviceName: serviceName === name ? '' : serviceName,
    },
  });
  return change(CDS, name, version, toBinary(ClusterSchema, message));
}

/** @param host of all; Envoy refuses what is no IP address */
export function endpoints(clusterName: string, ports: readonly number[], host = '127.0.0.1'): ResourceChange {
  const message = create(ClusterLoadAssignmentSchema, {
    clusterName,
    endpoints: [
      {
        lbEndpoints: ports.map((port) => ({
          hostIdentifier: { case: 'endpoint' as const, value: { address: address(port, host) } },
        })),
      },
    ],
  });
  return change(EDS, clusterName, `${host} ${ports.join()}`, toBinary(ClusterLoadAssignmentSchema, message));
}

/** Takes its routes from RDS. A bad one names a filter that no Envoy has. */
export function listener(
  name: string,
  port: number,
  route: string,
  version = '1',
  bad = false,
  apart?: ApiConfigSource_ApiType,
): ResourceChange {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: `${name}-${version}`,
    routeSpecifier: {
      case: 'rds',
      value: { routeConfigName: route, configSource: apart === undefined ? ads : apartSource(apart) },
    },
    httpFilters: [{ name: 'router', configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } }],
  });
  const typedConfig = bad
    ? { typeUrl: 'type.googleapis.com/no.such.Filter', value: new Uint8Array() }
    : anyPack(HttpConnectionManagerSchema, manager);
  const message = create(ListenerSchema, {
    name,
    address: address(port),
    filterChains: [{ filters: [{ name: 'http', configType: { case: 'typedConfig', value: typedConfig } }] }],
  });
  return change(LDS, name, version, toBinary(ListenerSchema, message));
}

/** Host → cluster. */
export function route(name: string, hosts: Readonly<Record<string, string>>): ResourceChange {
  const message = create(RouteConfigurationSchema, {
    name,
    virtualHosts: Object.entries(hosts).map(([host, target]) => ({
      name: host,
      domains: [host],
      routes: [
        {
          match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
          action: { case: 'route' as const, value: { clusterSpecifier: { case: 'cluster' as const, value: target } } },
        },
      ],
    })),
  });
  return change(RDS, name, JSON.stringify(hosts), toBinary(RouteConfigurationSchema, message));
}

function address(port: number, host = '127.0.0.1') {
  const value = { address: host, portSpecifier: { case: 'portValue' as const, value: port } };
  return { address: { case: 'socketAddress' as const, value } };
}

function change(type: string, name: string, version: string, bytes: Uint8Array): ResourceChange {
  const resource: Resource = { name, version, bytes };
  return { type, name, resource };
}
