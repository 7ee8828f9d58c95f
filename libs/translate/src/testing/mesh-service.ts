import { isIP } from 'node:net';
import { NOWHERE } from '@isthmus/model';
import type { Endpoint, Locality, MeshHost, MeshService, ServiceId, ServicePort } from '@isthmus/model';

/** A service as the test data writes it: everything that is left out is ordinary. */
export interface ServiceSketch {
  readonly host: string;
  /** Default: isthmus, that of registries' services. */
  readonly namespace?: string;
  readonly resolution?: MeshService['resolution'];
  /** Default: http on 80. */
  readonly ports?: readonly ServicePort[];
  readonly endpoints?: readonly EndpointSketch[];
  readonly vip?: string;
  readonly origins?: readonly string[];
  readonly exportTo?: readonly string[];
}

export type EndpointSketch = Partial<Omit<Endpoint, 'locality' | 'metadata'>> & {
  readonly address: string;
  readonly locality?: Partial<Locality>;
  /** Default: the service's first port. */
  readonly portName?: string;
};

const HTTP: ServicePort = { number: 80, name: 'http-80', protocol: 'http' };

export function meshService(sketch: ServiceSketch): MeshService {
  const ports = sketch.ports ?? [HTTP];
  const origins = (sketch.origins ?? ['shop/public/DEFAULT_GROUP/orders']) as readonly ServiceId[];
  return {
    host: sketch.host as MeshHost,
    namespace: sketch.namespace ?? 'isthmus',
    resolution: sketch.resolution ?? 'static',
    ports,
    endpoints: (sketch.endpoints ?? []).map(({ portName, ...endpoint }) => {
      const port = ports.find((p) => p.name === portName) ?? ports[0] ?? HTTP;
      return { origin: origins[0] as ServiceId, portName: port.name, endpoint: endpointOf(endpoint, port) };
    }),
    origins,
    vip: sketch.vip,
    ...(sketch.exportTo && { exportTo: sketch.exportTo }),
    diagnostics: [],
  };
}

function endpointOf(sketch: EndpointSketch, port: ServicePort): Endpoint {
  const labels = sketch.labels ?? {};
  return {
    instanceId: `${sketch.address}#${sketch.port ?? 8080}`,
    addressType: isIP(sketch.address) === 0 ? 'dns' : 'ip',
    port: 8080,
    protocol: port.protocol,
    weight: 1,
    health: 'healthy',
    metadata: labels,
    cluster: 'DEFAULT',
    network: '',
    identity: '',
    ...sketch,
    labels,
    locality: { ...NOWHERE, ...sketch.locality },
  };
}
