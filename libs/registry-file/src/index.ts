import type { RegistryKind } from '@isthmus/registry';
import { fileSchema } from './config.ts';
import type { FileConfig } from './config.ts';
import { fileDoctor } from './doctor.ts';
import { FileSource } from './source.ts';

export type { FileConfig } from './config.ts';

/** Services that are written into a YAML file. */
export const fileRegistry: RegistryKind<FileConfig> = {
  kind: 'file',
  schema: fileSchema,
  createSource: (id, config, deps) => new FileSource(id, config, deps),
  doctor: (id, config, deps) => fileDoctor(id, config, deps),
};
