import type { RegistryKind } from '@isthmus/registry';
import { nacosConfigTexts } from './config-text.ts';
import { watchNacosConfigs } from './config-watch.ts';
import { nacosConfigSchema } from './config.ts';
import type { NacosConfig } from './config.ts';
import { nacosCorrector } from './corrector.ts';
import { examineNacos } from './doctor.ts';
import { NacosLedgerStore } from './ledger-store.ts';
import { nacosSink } from './sink.ts';
import { NacosSource } from './source.ts';
import { nacosSubscribers } from './subscribers.ts';

export const nacosRegistry: RegistryKind<NacosConfig> = {
  kind: 'nacos',
  schema: nacosConfigSchema,
  registersBySdk: true,
  createSource: (id, config, deps) => new NacosSource(id, config, deps),
  ledgerStore: (config, place, { baseDir }) => new NacosLedgerStore(config, place, baseDir),
  configTexts: (config, place, { baseDir }, signal) => nacosConfigTexts(config, place, baseDir, signal),
  watchConfigs: (config, place, { baseDir }, watcher, signal) => watchNacosConfigs(config, place, { baseDir }, watcher, signal),
  noConfigsWhere: {
    ...{ field: 'api', is: 'http', why: 'configs are watched over gRPC, which is switched off so' },
    remedy: 'leave api out for Nacos 2 and 3; rules in a Nacos 1 are read once by isthmus lift --registry',
  },
  doctor: examineNacos,
  corrector: (config, { baseDir, clock }) => nacosCorrector(config, baseDir, clock),
  subscribers: (config, key, { baseDir }, signal) => nacosSubscribers(config, key, baseDir, signal),
  sink: { places: { namespace: true, group: true }, wire: (config, deps) => nacosSink(config, deps) },
};

export type { NacosConfig } from './config.ts';
export { recordOf, serviceInfoOf } from './normalize.ts';
export type { ServiceInfo } from './normalize.ts';
