import type { ViewEndpoint } from '@isthmus/contract';
import { fieldsOf, listOf, textOf, zoneOf } from './values.ts';
import type { Fields } from './values.ts';

/** An entry of `/v1/health/service`, with the rules by which the bridge reads one. */
export function consulEndpoint(value: unknown): ViewEndpoint {
  const entry = fieldsOf(value);
  const node = fieldsOf(entry['Node']);
  const service = fieldsOf(entry['Service']);
  const meta = fieldsOf(service['Meta']);
  const worst = worstOf(entry['Checks']);
  const weights = fieldsOf(service['Weights']);
  return {
    address: textOf(service['Address']) || textOf(node['Address']),
    port: Number(service['Port']),
    weight: Number((worst === 'warning' ? weights['Warning'] : weights['Passing']) ?? 1),
    healthy: worst !== 'critical',
    zone: zoneOf(meta, lowered(service['Locality']), lowered(node['Locality']), fieldsOf(node['Meta'])),
    protocol: textOf(meta['protocol']) || (meta['secure'] === 'true' ? 'https' : ''),
  };
}

/** Where the entries are from; `''` of none. */
export function datacenterOf(entries: readonly unknown[]): string {
  return textOf(fieldsOf(fieldsOf(entries[0])['Node'])['Datacenter']);
}

/** The worst check counts, the node's included; no check at all is passing; maintenance is a critical check of its own. */
function worstOf(checks: unknown): 'passing' | 'warning' | 'critical' {
  let worst: 'passing' | 'warning' = 'passing';
  for (const check of listOf(checks)) {
    const status = fieldsOf(check)['Status'];
    if (status !== 'passing' && status !== 'warning') return 'critical';
    if (status === 'warning') worst = 'warning';
  }
  return worst;
}

function lowered(locality: unknown): Fields {
  const { Region, Zone } = fieldsOf(locality);
  return { region: Region, zone: Zone };
}
