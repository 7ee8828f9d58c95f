import { describe, expect, test } from '@jest/globals';
import type { EndpointView, ExplainedHost, SourceView } from '@isthmus/contract';
import { endpointColumns, sourceColumns } from './columns.ts';
import { renderExplained } from './explain.ts';
import { renderTable } from './table.ts';

const NOW = 1_000_000_000;
const scope = {
  source: 'shop',
  kind: 'nacos',
  namespace: 'public',
  group: 'g',
  services: 1,
  endpoints: 2,
  held: 0,
  diagnostics: 0,
};
const endpoint: EndpointView = {
  host: 'orders.test',
  address: '10.0.0.1',
  port: 8080,
  portName: 'http-80',
  protocol: 'http',
  weight: 1,
  health: 'healthy',
  locality: '',
  origin: 'shop/public/g/orders',
  cluster: '',
  labels: {},
  takesTraffic: true,
  ageMs: 65_000,
  retained: { why: 'mass', forMs: 12_000, goesInMs: 18_000 },
};

describe('ages', () => {
  test('complete, partial, empty and unreachable are four states, each with its age', () => {
    const states: readonly SourceView[] = [
      { ...scope, state: 'live', ageMs: 0, stateMs: 5_000 },
      { ...scope, state: 'live', ageMs: 0, stateMs: 5_000, emptyMs: 12_000, held: 2 },
      { ...scope, state: 'partial', ageMs: 90_000, stateMs: 30_000, cause: 'a group cannot be listed', damped: 1, refused: 3 },
      { ...scope, state: 'stale', since: NOW - 190_000, ageMs: 190_000, cause: 'connection refused' },
    ];
    const table = renderTable(sourceColumns(NOW), states);
    expect(table).toMatch(/ live +now /);
    expect(table).toMatch(/ live, empty for 12 s +now /);
    expect(table).toMatch(/ partial for 30 s +90 s ago .* 1 +3 /);
    expect(table).toMatch(/ stale for 3 min +3 min ago /);
  });

  test('of an endpoint that its registry no longer lists say why it is there and when it goes', () => {
    const table = renderTable(endpointColumns, [endpoint, { ...endpoint, retained: { why: 'flap', forMs: 1_000 } }]);
    expect(table).toContain('65 s old');
    expect(table).toContain('held, not listed for 12 s, goes in 18 s');
    expect(table).toContain('damped: it comes and goes, not listed for 1 s, goes when its registry is followed again');
  });

  test('explain tells which rule did what', () => {
    const host: ExplainedHost = {
      host: 'orders.mesh',
      origins: [
        {
          service: endpoint.origin,
          source: 'shop',
          kind: 'nacos',
          state: 'live',
          defaultHost: 'orders.g.public.nacos',
          rules: ['merge.weights[0]: weight × 0.5 (1 endpoint)'],
          endpoints: [endpoint],
          diagnostics: [],
        },
      ],
      merge: {
        rule: 'merge.hosts[0]',
        ports: [],
        namespace: 'tenant-a',
        exportTo: ['.', 'web'],
        rules: ['merge.namespaces[0]: namespace tenant-a'],
      },
      outputs: { xds: [], mcp: [] },
      leftOut: [],
    };
    const text = renderExplained(host, 'orders', [], NOW);
    expect(text).toContain("its registry's own host for it: orders.g.public.nacos");
    expect(text).toContain('rule merge.weights[0]: weight × 0.5 (1 endpoint)');
    expect(text).toContain('rule merge.namespaces[0]: namespace tenant-a');
    expect(text).toContain('mesh namespace tenant-a, seen by ., web');
    expect(text).toContain('held, not listed for 12 s');
  });
});
