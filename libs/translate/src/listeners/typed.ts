import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { ListenerSchema } from '@isthmus/proto/envoy';
import type { Any } from '@bufbuild/protobuf/wkt';

export interface Typed {
  readonly name: string;
  readonly configType: { readonly case: 'typedConfig'; readonly value: Any };
}

/** A filter, or anything else of Envoy's that is a name and a `typed_config`. */
export function typed<S extends DescMessage>(name: string, schema: S, value?: MessageInitShape<S>): Typed {
  return { name, configType: { case: 'typedConfig', value: packed(schema, value) } };
}

export function packed<S extends DescMessage>(schema: S, value?: MessageInitShape<S>): Any {
  return anyPack(schema, create(schema, value));
}

type Address = NonNullable<Exclude<MessageInitShape<typeof ListenerSchema>, { $typeName: string }>['address']>;

/** An IP literal and a port, or `unix:///run/egress.sock`. */
export function socketAddress(address: string, port: number): Address {
  if (address.startsWith(UNIX)) return { address: { case: 'pipe', value: { path: address.slice(UNIX.length) } } };
  return { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } } };
}

const UNIX = 'unix://';
