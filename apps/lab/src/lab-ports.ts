import { randomInt } from 'node:crypto';
import { isFree } from '@isthmus/servers';
import { extras, type Extra, type PortChoice } from './lab-options.ts';

/** Every port that the lab listens on, all on 127.0.0.1. The first group is what users know (docs/lab.md). */
export const standardPorts = {
  web: 18_080,
  monolith: 18_090,
  egress: 15_004,
  envoyAdmin: 15_000,
  control: 15_080,
  xds: 15_012,
  mcp: 15_010,
  nacos: 8848,
  consul: 8500,
  eureka: 8761,

  orders1: 18_101,
  orders2: 18_102,
  orders3: 18_103,
  payments1: 18_111,
  payments2: 18_112,
  inventory1: 18_121,
  inventory2: 18_122,
  reviews: 18_131,
  istioEgress: 15_005,
  istioEnvoyAdmin: 15_006,
  nacos3: 8858,
} as const;

export type PortName = keyof typeof standardPorts;
export type LabPorts = Readonly<Record<PortName, number>>;

/** What else listens at a distance from a port: Nacos's gRPC and JRaft ports, the TCP transport of payments. */
const companions: Partial<Record<PortName, readonly number[]>> = {
  nacos: [1000, 1001, -1000],
  nacos3: [1000, 1001, -1000],
  payments1: [100],
  payments2: [100],
};

/** Which ports are only used with an extra. */
const ofExtra: Partial<Record<PortName, Extra>> = {
  istioEgress: 'istiod',
  istioEnvoyAdmin: 'istiod',
  nacos3: 'nacos3',
  reviews: 'nacos3',
};

const names = Object.keys(standardPorts) as readonly PortName[];

/** @throws {Error} when there are not enough free ports. */
export async function choosePorts(choice: PortChoice): Promise<LabPorts> {
  if (choice.kind === 'fixed') return mapPorts((name) => standardPorts[name] + choice.offset);
  for (let tries = 0; tries < 100; tries += 1) {
    const ports = block(randomInt(lowestBase, highestBase));
    const free = await Promise.all(listening(ports, new Set(extras)).map(({ port }) => isFree(port)));
    if (free.every(Boolean)) return ports;
  }
  throw new Error(`no block of free ports around ${lowestBase} to ${highestBase}`);
}

/** Away from the lab's fixed ports, from those that `@isthmus/servers` picks and from those of outgoing connections. */
const lowestBase = 11_000;
const highestBase = 13_500;

/** All ports near one another: the two Nacos at the base, the rest in a row above. */
function block(base: number): LabPorts {
  const row = names.filter((name) => name !== 'nacos' && name !== 'nacos3');
  return mapPorts((name) => (name === 'nacos' ? base : name === 'nacos3' ? base + 2 : base + 10 + row.indexOf(name)));
}

/** Every port that will be listened on, with what it is for. */
export function listening(
  ports: LabPorts,
  extras: ReadonlySet<Extra>,
): readonly { readonly port: number; readonly use: PortName }[] {
  return names
    .filter((name) => {
      const extra = ofExtra[name];
      return extra === undefined || extras.has(extra);
    })
    .flatMap((name) => withCompanions(name, ports[name]).map((port) => ({ port, use: name })));
}

function withCompanions(name: PortName, port: number): readonly number[] {
  return [port, ...(companions[name] ?? []).map((offset) => port + offset)];
}

function mapPorts(port: (name: PortName) => number): LabPorts {
  return Object.fromEntries(names.map((name) => [name, port(name)])) as LabPorts;
}
