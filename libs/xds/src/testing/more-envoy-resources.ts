import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  ApiVersion,
  DownstreamTlsContextSchema,
  HttpConnectionManagerSchema,
  ListenerSchema,
  RouteConfigurationSchema,
  RouterSchema,
  RuntimeSchema,
  SecretSchema,
} from '@isthmus/proto/envoy';
import type { ResourceChange } from '../snapshot-store.ts';
import { LDS, RTDS, SDS } from '../type-urls.ts';

// Valid resources of the types that services do not make: secrets, runtime, and a listener that needs a secret.

export function secret(name: string, certificate: string, key: string, version: string): ResourceChange {
  const inline = (text: string) => ({ specifier: { case: 'inlineString' as const, value: text } });
  const message = create(SecretSchema, {
    name,
    type: { case: 'tlsCertificate', value: { certificateChain: inline(certificate), privateKey: inline(key) } },
  });
  return { type: SDS, name, resource: { name, version, bytes: toBinary(SecretSchema, message) } };
}

export function runtime(name: string, layer: Record<string, number | string>, version: string): ResourceChange {
  const bytes = toBinary(RuntimeSchema, create(RuntimeSchema, { name, layer }));
  return { type: RTDS, name, resource: { name, version, bytes } };
}

/** Answers everything with 200 over TLS, with the certificate that SDS gives it. */
export function tlsListener(name: string, port: number, secretName: string): ResourceChange {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: name,
    routeSpecifier: {
      case: 'routeConfig',
      value: create(RouteConfigurationSchema, {
        virtualHosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              {
                match: { pathSpecifier: { case: 'prefix', value: '/' } },
                action: { case: 'directResponse', value: { status: 200 } },
              },
            ],
          },
        ],
      }),
    },
    httpFilters: [{ name: 'router', configType: { case: 'typedConfig', value: anyPack(RouterSchema, create(RouterSchema)) } }],
  });
  const sdsConfig = { configSourceSpecifier: { case: 'ads' as const, value: {} }, resourceApiVersion: ApiVersion.V3 };
  const tls = create(DownstreamTlsContextSchema, {
    commonTlsContext: { tlsCertificateSdsSecretConfigs: [{ name: secretName, sdsConfig }] },
  });
  const message = create(ListenerSchema, {
    name,
    address: {
      address: {
        case: 'socketAddress',
        value: { address: '127.0.0.1', portSpecifier: { case: 'portValue', value: port } },
      },
    },
    filterChains: [
      {
        filters: [{ name: 'http', configType: { case: 'typedConfig', value: anyPack(HttpConnectionManagerSchema, manager) } }],
        transportSocket: { name: 'tls', configType: { case: 'typedConfig', value: anyPack(DownstreamTlsContextSchema, tls) } },
      },
    ],
  });
  return { type: LDS, name, resource: { name, version: secretName, bytes: toBinary(ListenerSchema, message) } };
}
