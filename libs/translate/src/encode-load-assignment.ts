// A hand-written encoder for the one message that every endpoint change makes (docs/adr/0003-protobuf.md). Fields are
// written in the order of their numbers with the shortest varints, as protobuf-es does: a property test compares bytes.
import { Buffer } from 'node:buffer';
import { HealthStatus } from '@isthmus/proto/envoy';
import type { Endpoint, Health } from '@isthmus/model';
import { roomForKept } from './kept-bytes.ts';
import type { LoadAssignment } from './load-assignment.ts';

// Tags: field number << 3 | wire type (0 varint, 2 length-delimited).
const CLUSTER_NAME = 0x0a; // ClusterLoadAssignment.cluster_name = 1
const ENDPOINTS = 0x12; // ClusterLoadAssignment.endpoints = 2
const LOCALITY = 0x0a; // LocalityLbEndpoints.locality = 1
const LB_ENDPOINTS = 0x12; // LocalityLbEndpoints.lb_endpoints = 2
const LOCALITY_WEIGHT = 0x1a; // LocalityLbEndpoints.load_balancing_weight = 3
const PRIORITY = 0x28; // LocalityLbEndpoints.priority = 5
const REGION = 0x0a; // Locality.region = 1
const ZONE = 0x12; // Locality.zone = 2
const SUB_ZONE = 0x1a; // Locality.sub_zone = 3
const ENDPOINT = 0x0a; // LbEndpoint.endpoint = 1
const HEALTH_STATUS = 0x10; // LbEndpoint.health_status = 2
const WEIGHT = 0x22; // LbEndpoint.load_balancing_weight = 4
const ADDRESS = 0x0a; // Endpoint.address = 1
const SOCKET_ADDRESS = 0x0a; // Address.socket_address = 1
const SOCKET_ADDRESS_ADDRESS = 0x12; // SocketAddress.address = 2
const PORT_VALUE = 0x18; // SocketAddress.port_value = 3
const VALUE = 0x08; // google.protobuf.UInt32Value.value = 1

/** The bytes of an `envoy.config.endpoint.v3.ClusterLoadAssignment`. */
export function encodeLoadAssignment(name: string, { localities }: LoadAssignment): Uint8Array {
  const localitySizes: number[] = [];
  let size = 1 + textSize(name);
  for (const group of localities) {
    const { region, zone, subzone } = group.locality;
    const place = optionalTextSize(region) + optionalTextSize(zone) + optionalTextSize(subzone);
    let body = 1 + varintSize(place) + place + groupWeightSize(group.weight) + prioritySize(group.priority);
    for (const { endpoint, weight } of group.members) body += lbEndpointFieldSize(endpoint, weight);
    localitySizes.push(body);
    size += 1 + varintSize(body) + body;
  }

  const writer = new Writer(size);
  writer.text(CLUSTER_NAME, name);
  localities.forEach((group, i) => {
    const { region, zone, subzone } = group.locality;
    writer.open(ENDPOINTS, localitySizes[i] as number);
    writer.open(LOCALITY, optionalTextSize(region) + optionalTextSize(zone) + optionalTextSize(subzone));
    if (region !== '') writer.text(REGION, region);
    if (zone !== '') writer.text(ZONE, zone);
    if (subzone !== '') writer.text(SUB_ZONE, subzone);
    for (const { endpoint, weight } of group.members) writeLbEndpoint(writer, endpoint, weight);
    if (group.weight > 0) writer.weight(LOCALITY_WEIGHT, group.weight);
    if (group.priority !== undefined && group.priority > 0) writer.varint(PRIORITY, group.priority);
  });
  return writer.bytes;
}

function socketAddressSize(address: string, port: number): number {
  return 1 + textSize(address) + 1 + varintSize(port);
}

function lbEndpointFieldSize({ address, port, health }: Endpoint, weight: number): number {
  const socket = socketAddressSize(address, port);
  const inAddress = 1 + varintSize(socket) + socket;
  const inEndpoint = 1 + varintSize(inAddress) + inAddress;
  const lbEndpoint = 1 + varintSize(inEndpoint) + inEndpoint + healthSize(health) + weightSize(weight);
  return 1 + varintSize(lbEndpoint) + lbEndpoint;
}

function writeLbEndpoint(writer: Writer, { address, port, health }: Endpoint, weight: number): void {
  const socket = socketAddressSize(address, port);
  const inAddress = 1 + varintSize(socket) + socket;
  const inEndpoint = 1 + varintSize(inAddress) + inAddress;
  writer.open(LB_ENDPOINTS, 1 + varintSize(inEndpoint) + inEndpoint + healthSize(health) + weightSize(weight));
  writer.open(ENDPOINT, inEndpoint);
  writer.open(ADDRESS, inAddress);
  writer.open(SOCKET_ADDRESS, socket);
  writer.text(SOCKET_ADDRESS_ADDRESS, address);
  writer.varint(PORT_VALUE, port);
  if (health === 'unhealthy') writer.varint(HEALTH_STATUS, HealthStatus.UNHEALTHY);
  writer.weight(WEIGHT, weight);
}

/** Of the others nothing is said: UNKNOWN, which counts as healthy. */
function healthSize(health: Health): number {
  return health === 'unhealthy' ? 2 : 0;
}

/** A UInt32Value field: tag, length, tag, value. */
function weightSize(weight: number): number {
  return 3 + varintSize(weight);
}

/** A locality without weight gets nothing; Envoy refuses a 0. */
function groupWeightSize(weight: number): number {
  return weight === 0 ? 0 : weightSize(weight);
}

/** Priority 0 is proto3's default and left out. */
function prioritySize(priority: number | undefined): number {
  return priority === undefined || priority === 0 ? 0 : 1 + varintSize(priority);
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** Length prefix and text. */
function textSize(text: string): number {
  const bytes = isAscii(text) ? text.length : Buffer.byteLength(text);
  return varintSize(bytes) + bytes;
}

/** A whole text field, which proto3 leaves out when it is empty. */
function optionalTextSize(text: string): number {
  return text === '' ? 0 : 1 + textSize(text);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

class Writer {
  readonly bytes: Uint8Array;
  private at = 0;

  constructor(size: number) {
    this.bytes = roomForKept(size);
  }

  open(tag: number, size: number): void {
    this.varint(tag, size);
  }

  varint(tag: number, value: number): void {
    this.bytes[this.at++] = tag;
    this.number(value);
  }

  weight(tag: number, weight: number): void {
    this.varint(tag, 1 + varintSize(weight));
    this.varint(VALUE, weight);
  }

  text(tag: number, text: string): void {
    this.bytes[this.at++] = tag;
    if (isAscii(text)) {
      this.number(text.length);
      for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
      return;
    }
    const utf8 = Buffer.from(text); // a lone surrogate becomes U+FFFD, as it does in byteLength
    this.number(utf8.length);
    this.bytes.set(utf8, this.at);
    this.at += utf8.length;
  }

  /** Up to 32 bits. */
  private number(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.bytes[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }
}
