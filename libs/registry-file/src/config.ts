import { registryName } from '@isthmus/registry';
import { z } from 'zod';

export const fileSchema = z.strictObject({
  name: registryName,
  kind: z.literal('file').describe('Services written into a YAML file: VMs, monoliths, whatever is in no registry.'),
  path: z.string().min(1).describe('The file, relative to the config file. It is watched.'),
});

export type FileConfig = z.output<typeof fileSchema>;
