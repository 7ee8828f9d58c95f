import type { AgentView, ItemList } from '@isthmus/contract';
import { NOW } from '../run-cli.ts';
import { ORDERS } from './mesh.ts';

const agent = { agent: '0.1.0', node: 'v24.21.0', planVersion: '5bd1e995c2b2ae35-2', diagnostics: [] } as const;

export const agents: ItemList<AgentView> = {
  items: [
    {
      ...agent,
      ...{ service: 'reports', instance: '7-c0ffee', address: '10.1.0.31', acknowledged: false, planVersion: '', targets: [] },
      lastReportAt: NOW - 600_000,
    },
    {
      ...agent,
      ...{ service: 'web', instance: '1-deadbeef', address: '10.1.0.30', acknowledged: true },
      connectedSince: NOW - 3_600_000,
      lastReportAt: NOW - 4_000,
      targets: [
        { host: ORDERS, port: 80, desired: 'traffic', rung: 'traffic', percent: 5, breakers: [] },
        {
          ...{ host: 'payments.eureka', port: 80, desired: 'resilience', rung: 'discovery', percent: 100 },
          why: 'the sidecar has no healthy host for it',
          breakers: [{ name: 'payments', library: 'opossum', state: 'half-open', rejected: 3 }],
        },
      ],
    },
  ],
};
