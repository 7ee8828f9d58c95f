import { networkInterfaces } from 'node:os';
import { parseArgs } from 'node:util';

export const serviceNames = ['web', 'orders', 'inventory', 'payments', 'reviews', 'monolith'] as const;
export type LabServiceName = (typeof serviceNames)[number];

/** Injection token. */
export const SETTINGS = Symbol('lab.settings');

/** Everything that an instance is told from outside: arguments say what it is, the environment where the others are. */
export interface ServiceSettings {
  readonly name: LabServiceName;
  /** Where it listens, and what it registers as. */
  readonly host: string;
  readonly port: number;
  readonly version: string;
  /** In its registry's scale; 1 is normal. */
  readonly weight: number;
  /** `host:port` */
  readonly nacos: string;
  readonly consul: { readonly host: string; readonly port: number };
  readonly eureka: { readonly host: string; readonly port: number };
  /** The egress listener of the Envoy beside this service. */
  readonly egress: { readonly host: string; readonly port: number };
  /** How long it still serves after it has left its registry; milliseconds. */
  readonly drainMs: number;
}

export class UsageError extends Error {}

/** @throws {UsageError} naming what is wrong with the arguments. */
export function readSettings(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ServiceSettings {
  const { values, positionals } = parse(args);
  const [name] = positionals;
  if (!isServiceName(name))
    throw new UsageError(`which service? Usage: service ${serviceNames.join('|')} --port N [--version V] [--weight W]`);
  return {
    name,
    host: hostOf(env['SERVICE_HOST'] ?? '127.0.0.1'),
    port: portOf('--port', values.port),
    version: values.version ?? 'v1',
    weight: weightOf(values.weight ?? '1'),
    nacos: env['NACOS_SERVER'] ?? '127.0.0.1:8848',
    consul: addressOf('CONSUL_ADDRESS', env['CONSUL_ADDRESS'] ?? '127.0.0.1:8500'),
    eureka: addressOf('EUREKA_ADDRESS', env['EUREKA_ADDRESS'] ?? '127.0.0.1:8761'),
    egress: addressOf('ENVOY_EGRESS', env['ENVOY_EGRESS'] ?? '127.0.0.1:15004'),
    drainMs: Number(env['DRAIN_MS'] ?? '1000'),
  };
}

/** `own`: this machine's first address that is not loopback, for a container whose address only it knows. */
function hostOf(text: string): string {
  if (text !== 'own') return text;
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (own === undefined) throw new UsageError('SERVICE_HOST=own, but this machine has no address beside loopback');
  return own.address;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { port: { type: 'string' }, version: { type: 'string' }, weight: { type: 'string' } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function isServiceName(name: string | undefined): name is LabServiceName {
  return serviceNames.some((known) => known === name);
}

function portOf(what: string, text: string | undefined): number {
  const port = Number(text);
  if (text === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError(`${what}: a port from 1 to 65535, not ${text}`);
  return port;
}

function weightOf(text: string): number {
  const weight = Number(text);
  if (!Number.isFinite(weight) || weight < 0) throw new UsageError(`--weight: a number from 0 up, not ${text}`);
  return weight;
}

function addressOf(what: string, text: string): { readonly host: string; readonly port: number } {
  const cut = text.lastIndexOf(':');
  if (cut <= 0) throw new UsageError(`${what}: host:port, not ${text}`);
  return { host: text.slice(0, cut), port: portOf(what, text.slice(cut + 1)) };
}
