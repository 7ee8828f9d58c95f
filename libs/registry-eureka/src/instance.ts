import { isIP } from 'node:net';
import type { Health, Locality } from '@isthmus/model';
import type { RawInstance } from '@isthmus/registry';
import { isObject } from './answer-scanner.ts';

/**
 * An instance as this source keeps it. `text` is everything of it that is mapped, as JSON with sorted metadata: equal
 * text, nothing changed. As one string it takes a third of the memory of the object, and there may be 100,000 of them.
 */
export interface HeldInstance {
  readonly id: string;
  /** As the server says it: this, not the mapped health, is what the server's hash counts. */
  readonly status: string;
  /** The server's own clock, milliseconds. Orders two states of one instance on one server. */
  readonly updated: number;
  readonly action: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly text: string;
}

/**
 * @param mapped False for an application that is excluded: only its status counts, for the hash.
 * @returns undefined when it is no object or has no id at all.
 */
export function readInstance(wire: unknown, mapped: boolean): HeldInstance | undefined {
  if (!isObject(wire)) return undefined;
  // Servers before 1.4 give no instanceId; the host name is the id then (Netflix InstanceInfo.getId).
  const id = textOf(wire['instanceId']) || textOf(wire['hostName']);
  if (id === '') return undefined;
  const status = textOf(wire['status']).toUpperCase() || 'UNKNOWN';
  const action = wire['actionType'];
  return {
    id,
    status,
    updated: Number(wire['lastUpdatedTimestamp']) || 0,
    action: action === 'DELETED' || action === 'ADDED' ? action : 'MODIFIED',
    text: mapped ? JSON.stringify(normalize(id, status, wire)) : '',
  };
}

/** What `buildRecord` takes, from the text of a held instance. */
export function rawInstance({ text }: HeldInstance): RawInstance {
  return JSON.parse(text) as RawInstance;
}

function normalize(id: string, status: string, wire: Readonly<Record<string, unknown>>): RawInstance {
  const ip = textOf(wire['ipAddr']);
  const metadata = readMetadata(wire['metadata']);
  const locality = localityOf(wire['dataCenterInfo']);
  // Set by the client at every registration and change of its own, and replicated as it is: Eureka's servers themselves
  // believe the greater one (`AbstractInstanceRegistry.register`).
  const incarnation = Number(wire['lastDirtyTimestamp']);
  return {
    instanceId: id,
    // Spring registers the host name in ipAddr where no interface was found; a name is dialled by hostName then.
    address: isIP(ip) > 0 ? ip : textOf(wire['hostName']) || ip,
    ...readPort(wire['port'], wire['securePort']),
    weight: weightOf(isObject(metadata) ? metadata['weight'] : undefined),
    health: healthOf(effectiveStatus(status, textOf(wire['overriddenStatus'] ?? wire['overriddenstatus']).toUpperCase())),
    metadata,
    ...(Number.isSafeInteger(incarnation) && incarnation > 0 ? { incarnation } : {}),
    ...(locality === undefined ? {} : { locality }),
  };
}

/** Eureka has no weights; its users put them into the metadata. Text that is no number stays, for its diagnostic. */
function weightOf(weight: unknown): unknown {
  if (weight === undefined || weight === '') return 1;
  const number = Number(weight);
  return Number.isNaN(number) ? weight : number;
}

/**
 * Eureka's rule (`FirstMatchWinsCompositeRule`): what an instance says of itself while it starts or stops counts, then
 * what an operator said (`PUT …/status?value=OUT_OF_SERVICE`). Current servers put the result into `status` already.
 */
function effectiveStatus(status: string, overridden: string): string {
  if (status === 'DOWN' || status === 'STARTING') return status;
  return overridden === '' || overridden === 'UNKNOWN' ? status : overridden;
}

function healthOf(status: string): Health {
  if (status === 'UP') return 'healthy';
  return status === 'OUT_OF_SERVICE' ? 'disabled' : 'unhealthy';
}

/** `{"$": 8080, "@enabled": "true"}`; numbers and booleans come as text or as such, by server version. */
function readPort(port: unknown, securePort: unknown): { readonly port: unknown; readonly protocol?: string } {
  if (isEnabled(port)) return { port: port['$'] };
  if (isEnabled(securePort)) return { port: securePort['$'], protocol: 'https' };
  return { port: 'disabled' }; // neither is open: no port that callers can use
}

function isEnabled(port: unknown): port is Readonly<Record<string, unknown>> {
  return isObject(port) && (port['@enabled'] === 'true' || port['@enabled'] === true);
}

/** Sorted, because a Java hash map's order means nothing; `@class` is noise of the server's JSON library. */
function readMetadata(metadata: unknown): unknown {
  if (!isObject(metadata)) return metadata ?? {};
  const sorted: Record<string, unknown> = {};
  for (const name of Object.keys(metadata).sort()) {
    if (name !== '@class') sorted[name] = metadata[name];
  }
  return sorted;
}

/** Amazon's data centre info names the zone (`us-east-1c`); its region is the zone without the letter. */
function localityOf(info: unknown): Locality | undefined {
  const zone = isObject(info) && isObject(info['metadata']) ? info['metadata']['availability-zone'] : undefined;
  if (typeof zone !== 'string' || zone === '') return undefined;
  return { region: zone.replace(/[a-z]$/, ''), zone, subzone: '' };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
