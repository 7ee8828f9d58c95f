import { create } from '@bufbuild/protobuf';
import { DestinationRuleSchema, GatewaySchema, SidecarSchema, VirtualServiceSchema } from '@isthmus/proto/istio';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { IstioKind, IstioObject } from '@isthmus/proto/istio';
import type { MeshHost, MeshService } from '@isthmus/model';

interface About {
  readonly name?: string;
  readonly namespace?: string;
  readonly createdAt?: number;
}

function object<K extends IstioKind>(kind: K, spec: IstioObject<K>['spec'], about: About): IstioObject<K> {
  const { name = 'it', namespace = 'shop', createdAt = 0 } = about;
  return { kind, name, namespace, createdAt, spec, labels: {}, annotations: {}, version: JSON.stringify(about), place: 'test' };
}

export const sidecar = (spec: MessageInitShape<typeof SidecarSchema>, about: About = {}): IstioObject<'Sidecar'> =>
  object('Sidecar', create(SidecarSchema, spec), about);
export const gateway = (spec: MessageInitShape<typeof GatewaySchema>, about: About = {}): IstioObject<'Gateway'> =>
  object('Gateway', create(GatewaySchema, spec), about);
export const virtualService = (
  spec: MessageInitShape<typeof VirtualServiceSchema>,
  about: About = {},
): IstioObject<'VirtualService'> => object('VirtualService', create(VirtualServiceSchema, spec), about);
export const destinationRule = (
  spec: MessageInitShape<typeof DestinationRuleSchema>,
  about: About = {},
): IstioObject<'DestinationRule'> => object('DestinationRule', create(DestinationRuleSchema, spec), about);

/** A service with HTTP on 80 and nothing else, unless said otherwise. */
export function service(host: string, rest: Partial<MeshService> = {}): MeshService {
  return {
    host: host as MeshHost,
    namespace: 'shop',
    resolution: 'static',
    ports: [{ number: 80, name: 'http', protocol: 'http' }],
    endpoints: [],
    origins: [],
    vip: undefined,
    diagnostics: [],
    ...rest,
  };
}
