import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Resource } from '@isthmus/model';

const names = new WeakMap<Resource, string>();

/** The EDS resource that a cluster asks for: `eds_cluster_config.service_name`, or else the cluster's own name. */
export function endpointsNameOf(cluster: Resource): string {
  let name = names.get(cluster);
  if (name === undefined) {
    name = readServiceName(cluster.bytes) || cluster.name;
    names.set(cluster, name);
  }
  return name;
}

function readServiceName(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field !== 3) {
      reader.skip(wire, field);
      continue;
    }
    const config = new BinaryReader(reader.bytes());
    while (config.pos < config.len) {
      const [inner, innerWire] = config.tag();
      if (inner === 2) return config.string();
      config.skip(innerWire, inner);
    }
  }
  return '';
}
