import { anyIs, timestampMs } from '@bufbuild/protobuf/wkt';
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf } from '@isthmus/model';
import type { TypeUrl } from '@isthmus/model';
import { ResourceSchema, ServiceEntrySchema, WorkloadEntrySchema } from '@isthmus/proto/istio';
import type { Resource } from '@isthmus/proto/istio';
import type { PlainServiceEntry, PlainWorkload } from '@isthmus/registry';
import { plainEntry, plainWorkload } from './plain-entry.ts';
import { SERVICE_ENTRY } from './types.ts';

/** A ServiceEntry of 4,096 endpoints, the most that Istio takes, has 1 to 2 MB. */
const MOST_RESOURCE_BYTES = 4 * 1024 * 1024;
const BODY = /^type\.googleapis\.com\/istio\.networking\.(?:v1|v1beta1|v1alpha3)\.(ServiceEntry|WorkloadEntry)$/;

/** A resource as the wire has it. */
export interface WireResource {
  /** `namespace/name`; state of the world says it only inside. */
  readonly name: string;
  readonly version: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

export type Decoded =
  | { readonly kind: 'service'; readonly name: string; readonly version: string; readonly entry: PlainServiceEntry }
  | { readonly kind: 'workload'; readonly name: string; readonly version: string; readonly workload: PlainWorkload }
  /** It cannot be used; `name` is empty where not even that could be read. */
  | { readonly kind: 'bad'; readonly name: string; readonly what: string };

/** Never throws: what cannot be read costs that resource. */
export function decodeResource(type: TypeUrl, wire: WireResource): Decoded {
  const bad = (name: string, what: string): Decoded => ({ kind: 'bad', name, what });
  if (wire.value.length > MOST_RESOURCE_BYTES)
    return bad(wire.name, `it has ${wire.value.length} bytes, the most is ${MOST_RESOURCE_BYTES}`);
  let name = wire.name;
  try {
    const isEnvelope = anyIs({ $typeName: 'google.protobuf.Any', ...wire }, ResourceSchema);
    const resource: Partial<Resource> = isEnvelope
      ? fromBinary(ResourceSchema, wire.value)
      : { body: { $typeName: 'google.protobuf.Any', typeUrl: wire.typeUrl, value: wire.value } };
    name = resource.metadata?.name || wire.name;
    const [namespace = '', own = ''] = name.split('/');
    if (namespace === '' || own === '' || name.split('/').length !== 2) return bad(name, 'its name is not namespace/name');
    const version = wire.version || (resource.metadata?.version ?? '');
    const { body } = resource;
    const kind = BODY.exec(body?.typeUrl ?? '')?.[1];
    const wanted = SERVICE_ENTRY.includes(type) ? 'ServiceEntry' : 'WorkloadEntry';
    if (body === undefined || kind !== wanted) return bad(name, `its body is ${body?.typeUrl || 'missing'}, no ${wanted}`);
    if (kind === 'WorkloadEntry') {
      return { kind: 'workload', name, version, workload: plainWorkload(fromBinary(WorkloadEntrySchema, body.value), name) };
    }
    const { createTime, annotations = {}, labels = {} } = resource.metadata ?? {};
    const createdAt = createTime === undefined ? 0 : timestampMs(createTime) + (createTime.nanos % 1_000_000) / 1_000_000;
    const entry = plainEntry(fromBinary(ServiceEntrySchema, body.value), {
      namespace,
      name: own,
      createdAt,
      annotations,
      labels,
    });
    return { kind: 'service', name, version, entry };
  } catch (thrown) {
    return bad(name, `it does not decode: ${messageOf(thrown)}`);
  }
}
