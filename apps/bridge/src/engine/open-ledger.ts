import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { letGoService } from '@isthmus/catalog';
import { formatListen } from '@isthmus/config';
import { FileLedger, SharedLedger } from '@isthmus/ledger';
import type { LocalLedger, Replica } from '@isthmus/ledger';
import { IsthmusError } from '@isthmus/model';
import type { LedgerStore, LedgerTable } from '@isthmus/model';
import type { BridgeConfig } from './bridge-config.ts';
import { takeFrozen } from './frozen-scopes.ts';

/**
 * What one replica decides for all: addresses, held removals, what was written into registries, where plans are, which proxies are
 * workloads. The rest is what each
 * reads or retains by itself (docs/adr/0016-replicas.md).
 */
const SHARED_TABLES: readonly LedgerTable[] = ['vip', 'held', 'corrected', 'publication', 'plan', 'registered'];
/** How long the start waits for the store; without it, what the local copy knows has to do. */
const LOAD_MS = 5_000;

/** The ledger that the config names. @throws IsthmusError `ledger.*`, or `config.invalid` for a registry that cannot keep one. */
export async function openLedger(config: BridgeConfig): Promise<LocalLedger> {
  const local = await FileLedger.open(config.ledger.file, config.ledger.maxEntries);
  const { shared } = config.ledger;
  if (shared === undefined) return local;
  const store = sharedStore(config);
  if (store === undefined) {
    await local.close();
    throw new IsthmusError('config.invalid', `the registry ${shared.registry} cannot keep a ledger`, {
      where: config.file,
      meaning: 'replicas need a store that they share',
      remedy: 'name a registry of kind consul, nacos or kubernetes',
    });
  }
  const ledger = SharedLedger.start({
    store,
    local,
    sharedTables: SHARED_TABLES,
    self: self(config),
    leaseMs: shared.leaseMs,
    monotonic: () => performance.now(),
    random: Math.random,
    endsWithLead,
  });
  if (await ledger.loaded(LOAD_MS)) takeFrozen(ledger.frozen, local);
  return ledger;
}

/**
 * An endpoint that is let go may have come back by then, and wait anew; which workloads are connected the replicas tell whoever leads
 * anew, and their places may be others' meanwhile.
 */
export function endsWithLead(table: string, key: string): boolean {
  return table === 'registered' || (table === 'held' && letGoService(key) !== undefined);
}

/** Undefined: one replica, or a registry that cannot keep a ledger. */
export function sharedStore(config: BridgeConfig): LedgerStore | undefined {
  const { shared } = config.ledger;
  const entry = config.registries.find(({ id }) => id === shared?.registry);
  return shared === undefined ? undefined : entry?.kind.ledgerStore?.(entry.config, shared.place, config);
}

function self({ control, ledger, roles }: BridgeConfig): Replica {
  const id = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const url = ledger.shared?.advertise ?? `${control.tls === undefined ? 'http' : 'https'}://${formatListen(control.listen)}`;
  // Of an address that stands for all, or a port that is not known yet, others can make nothing.
  const isVague = /^(0\.0\.0\.0|::)$/.test(control.listen.host) || control.listen.port === 0;
  const hasUrl = roles.includes('control') && (ledger.shared?.advertise !== undefined || !isVague);
  return hasUrl ? { id, control: url.replace(/\/$/, '') } : { id };
}
