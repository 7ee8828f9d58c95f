import { isSeq, parseDocument } from 'yaml';
import { standardPorts, type LabPorts, type PortName } from './lab-ports.ts';

export interface BridgeConfigChoice {
  readonly ports: LabPorts;
  /** Registries (by name) that do not run. */
  readonly without: ReadonlySet<string>;
  /** Absolute. */
  readonly ledger: string;
}

/** `lab.yaml` as this lab needs it. Comments stay. */
export function bridgeConfig(template: string, { ports, without, ledger }: BridgeConfigChoice): string {
  const document = parseDocument(
    template.replace(/127\.0\.0\.1:(\d+)/g, (whole, port: string) => translated(whole, Number(port), ports)),
  );
  const registries = document.get('registries');
  if (!isSeq(registries)) throw new Error('lab.yaml has no list of registries');
  registries.items = registries.items.filter(
    (item) => !without.has(String((item as { get?(key: string): unknown }).get?.('name'))),
  );
  document.setIn(['ledger', 'file'], ledger);
  return document.toString({ lineWidth: 0 });
}

function translated(address: string, port: number, ports: LabPorts): string {
  const found = (Object.keys(standardPorts) as readonly PortName[]).find((name) => standardPorts[name] === port);
  return found === undefined ? address : `127.0.0.1:${ports[found]}`;
}
