import { create, toBinary } from '@bufbuild/protobuf';
import { DownstreamTlsContextSchema, ListenerSchema } from '@isthmus/proto/envoy';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Resource } from '@isthmus/model';
import { resource } from '../resource.ts';
import { typed } from './typed.ts';

export type ListenerInit = Exclude<MessageInitShape<typeof ListenerSchema>, { $typeName: string }> & { readonly name: string };
export type ChainInit = NonNullable<ListenerInit['filterChains']>[number];

export function listenerResource(init: ListenerInit): Resource {
  return resource(init.name, toBinary(ListenerSchema, create(ListenerSchema, init)));
}

/** A connection whose TLS handshake takes longer holds memory for nothing. */
export const HANDSHAKE_TIMEOUT = { seconds: 15n };

export function tlsSocket(context: MessageInitShape<typeof DownstreamTlsContextSchema>) {
  return typed('envoy.transport_sockets.tls', DownstreamTlsContextSchema, context);
}
