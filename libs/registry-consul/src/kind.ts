import type { RegistryKind } from '@isthmus/registry';
import { consulConfig } from './config.ts';
import type { ConsulConfig } from './config.ts';
import { consulCorrector } from './corrector.ts';
import { doctorConsul } from './doctor.ts';
import { ConsulLedgerStore } from './ledger-store.ts';
import { consulSink } from './sink.ts';
import { ConsulSource } from './source.ts';

/** All that the product knows of Consul. */
export const consulRegistry: RegistryKind<ConsulConfig> = {
  kind: 'consul',
  schema: consulConfig,
  registersBySdk: true,
  createSource: (id, config, deps) => new ConsulSource(id, config, deps),
  ledgerStore: (config, place, { baseDir }) => new ConsulLedgerStore(config, place, baseDir),
  doctor: doctorConsul,
  corrector: (config, { baseDir }) => consulCorrector(config, baseDir),
  sink: { places: { namespace: false, group: false }, wire: consulSink },
};
