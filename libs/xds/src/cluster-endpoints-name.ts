import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Resource } from '@isthmus/model';

/** `Cluster.DiscoveryType.EDS` */
const EDS_DISCOVERY = 3;

const names = new WeakMap<Resource, string>();

/**
 * The EDS resource that a cluster asks for: `eds_cluster_config.service_name`, or else the cluster's own name; `''` for a
 * cluster whose endpoints do not come by EDS.
 */
export function endpointsNameOf(cluster: Resource): string {
  let name = names.get(cluster);
  if (name === undefined) {
    name = nameIn(cluster);
    names.set(cluster, name);
  }
  return name;
}

function nameIn(cluster: Resource): string {
  try {
    return readName(cluster);
  } catch {
    return ''; // no protobuf message: the client will say so
  }
}

function readName(cluster: Resource): string {
  const reader = new BinaryReader(cluster.bytes);
  let discovery = 0;
  let serviceName = '';
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 2) discovery = reader.int32();
    else if (field === 3) serviceName = readServiceName(reader.bytes());
    else reader.skip(wire, field);
  }
  return discovery === EDS_DISCOVERY ? serviceName || cluster.name : '';
}

function readServiceName(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 2) return reader.string();
    reader.skip(wire, field);
  }
  return '';
}
