import type { RegistryKind } from '@isthmus/registry';
import { eurekaSchema } from './config.ts';
import type { EurekaConfig } from './config.ts';
import { eurekaCorrector } from './corrector.ts';
import { eurekaDoctor } from './doctor.ts';
import { eurekaSink } from './sink.ts';
import { EurekaSource } from './source.ts';

export type { EurekaConfig } from './config.ts';

/** Netflix Eureka and Spring Cloud Eureka, over their REST. */
export const eurekaRegistry: RegistryKind<EurekaConfig> = {
  kind: 'eureka',
  schema: eurekaSchema,
  registersBySdk: true,
  createSource: (id, config, deps) => new EurekaSource(id, config, deps),
  doctor: eurekaDoctor,
  corrector: (config, { baseDir }) => eurekaCorrector(config, baseDir),
  sink: { places: { namespace: false, group: false }, wire: eurekaSink },
};
