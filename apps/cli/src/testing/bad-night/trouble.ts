import type {
  ConflictView,
  CorrectionView,
  DiagnosticList,
  DiffView,
  HeldView,
  ItemList,
  PublicationList,
} from '@isthmus/contract';
import { NOW } from '../run-cli.ts';
import { ORDERS, SHOP, weightDiagnostic } from './mesh.ts';

export const conflicts: ItemList<ConflictView> = {
  items: [{ host: ORDERS, winner: SHOP, losers: ['old///ORDERS'], reason: 'shop comes before old in merge.precedence' }],
};

export const held: ItemList<HeldView> = {
  items: [
    {
      scope: 'shop/public/DEFAULT_GROUP',
      since: NOW - 12_000,
      removing: 30,
      unhealthy: 24,
      of: 40,
      confirmAt: NOW + 18_000,
      services: ['a', 'b', 'orders', 'payments'].map((name) => `shop/public/DEFAULT_GROUP/${name}`),
    },
    { scope: 'hq/dc1/', since: NOW - 60_000, removing: 20, of: 20, confirmAt: NOW - 30_000, services: ['hq/dc1//inventory'] },
  ],
};

export const publications: PublicationList = {
  items: [
    {
      to: 'hq',
      namespace: '',
      group: '',
      name: 'monolith',
      host: 'monolith.shop.mesh',
      state: 'failed',
      entries: [],
      taken: [],
      losers: [],
      cause: 'http://127.0.0.1:8500 refuses the ACL token (403 Permission denied\u001b[2J)',
    },
    {
      to: 'shop',
      namespace: '',
      group: 'MESH',
      name: 'monolith',
      host: 'monolith.shop.mesh',
      state: 'published',
      entries: ['10.0.0.5:80', '[fd00::5]:80'],
      taken: ['10.0.0.9:8080'],
      losers: ['monolith.other.mesh'],
    },
  ],
  sinks: [
    { to: 'hq', state: 'live', registered: 0, renewed: 0, withdrawn: 0, failed: 7 },
    { to: 'shop', state: 'live', registered: 2, renewed: 120, withdrawn: 0, failed: 0 },
  ],
};

export const diagnostics: DiagnosticList = {
  items: [
    weightDiagnostic,
    {
      code: 'registry.unreachable',
      severity: 'warning',
      where: 'hq/dc1',
      what: 'connection refused at http://127.0.0.1:8500',
      meaning: 'its services stay as they were, marked stale',
      remedy: 'start the registry, or check registries[1].servers',
    },
  ],
  counts: { 'weight.invalid': 1, 'registry.unreachable': 1, 'address.hostname': 1203 },
};

export const weightDiagnostics: DiagnosticList = { items: [weightDiagnostic], counts: { 'weight.invalid': 1 } };

export const corrections: ItemList<CorrectionView> = {
  items: [
    {
      service: SHOP,
      address: '10.1.0.23',
      port: 8080,
      action: 'disable',
      state: 'disabled',
      reason: 'Pod shop/orders-7d9 is gone',
      since: NOW - 30_000,
    },
    {
      service: 'old///PAYMENTS',
      address: '10.1.0.24',
      port: 8080,
      action: 'disable',
      state: 'failed',
      reason: 'Pod shop/payments-1 is not ready',
      since: NOW - 3_000,
      cause: 'answers 403: the account may not write',
    },
  ],
};

export const diff: ItemList<DiffView> = {
  items: [
    {
      host: ORDERS,
      registry: SHOP,
      kubernetes: 'k8s/shop//orders',
      missing: false,
      policy: 'both',
      differences: [
        { kind: 'only-registry', at: '10.1.0.23:8080' },
        { kind: 'port', at: '10.1.0.25', registry: '8080', kubernetes: '9090' },
        { kind: 'labels', at: '10.1.0.26:8080', registry: 'version=v1', kubernetes: 'version=v2' },
        { kind: 'only-kubernetes', at: '10.1.0.27:8080' },
      ],
    },
    {
      host: 'payments.eureka',
      registry: 'old///PAYMENTS',
      kubernetes: 'k8s/shop//payments',
      missing: true,
      policy: 'registry',
      differences: [{ kind: 'only-registry', at: '10.9.0.1:8080' }],
    },
  ],
};

export const same: ItemList<DiffView> = { items: [{ ...(diff.items[0] as DiffView), differences: [] }] };
