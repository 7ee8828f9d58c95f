import { fromBinary } from '@bufbuild/protobuf';
import { ClusterSchema, RouteConfigurationSchema } from '@isthmus/proto/envoy';
import { CLUSTER_TYPE, ROUTE_TYPE } from '@isthmus/translate';
import type { ResourceView } from '@isthmus/xds';
import type { Engine } from '../../engine/engine.ts';

/** What an intercepting sidecar in namespace `shop` is served. @throws {Error} when it is refused */
export function sidecarOf({ mesh }: Engine): ResourceView {
  const view = mesh.views.viewFor({
    id: 'sidecar~10.0.0.9~web.shop~shop.svc.cluster.local',
    cluster: 'web',
    metadata: { NAMESPACE: 'shop', INTERCEPTION_MODE: 'REDIRECT', INSTANCE_IPS: '10.0.0.9' },
    userAgent: 'envoy 1.40.0',
  });
  if ('refused' in view) throw new Error(view.refused);
  return view;
}

/** Seconds until a connection to a service on port 80 is given up; undefined: there is no such cluster. */
export function connectTimeout(view: Pick<ResourceView, 'resources'>, host: string): number | undefined {
  const cluster = view.resources(CLUSTER_TYPE).get(`outbound|80||${host}`);
  return cluster && Number(fromBinary(ClusterSchema, cluster.bytes).connectTimeout?.seconds);
}

/** Seconds that the first route to a service on port 80 has; undefined: there is none. */
export function routeTimeout(view: Pick<ResourceView, 'resources'>, host: string): number | undefined {
  const route = view.resources(ROUTE_TYPE).get('80');
  const hosts = route && fromBinary(RouteConfigurationSchema, route.bytes).virtualHosts;
  const action = hosts?.find(({ name }) => name.startsWith(host))?.routes[0]?.action;
  return action?.case === 'route' ? Number(action.value.timeout?.seconds) : undefined;
}
