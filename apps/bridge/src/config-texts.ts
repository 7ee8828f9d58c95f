import { configError, loadConfig } from '@isthmus/config';
import { IsthmusError } from '@isthmus/model';
import type { ConfigPlace } from '@isthmus/registry';
import { registryKinds } from './registries.ts';

/** Each server of the registry may need a login and a request of five seconds. */
const WITHIN_MS = 60_000;

export interface AskedConfigs extends ConfigPlace {
  readonly registry: string;
}

/** `bridge configs`, for `isthmus lift --registry`: configs that a registry keeps, as JSON. 0: asked, whether they are there or not. */
export async function configTexts(file: string, { registry, ...place }: AskedConfigs): Promise<number> {
  const loaded = await loadConfig(file, { kinds: registryKinds });
  if (!loaded.ok) throw configError(loaded.problems);
  const { registries, baseDir } = loaded.config;
  const able = registries.filter(({ kind }) => kind.configTexts !== undefined).map(({ id }) => id);
  const remedy = able.length === 0 ? 'only Nacos keeps configs, and this file has none' : `it has ${able.join(', ')}`;
  const entry = registries.find(({ id }) => id === registry);
  if (entry === undefined) throw new IsthmusError('config.invalid', `${file} has no registry "${registry}"`, { remedy });
  if (entry.kind.configTexts === undefined)
    throw new IsthmusError('config.invalid', `${registry} of ${file} is ${entry.kind.kind}, which keeps no configs`, { remedy });
  // Deadlines and pauses keep no process alive by themselves.
  const alive = setInterval(() => undefined, 60_000);
  try {
    const items = await entry.kind.configTexts(entry.config, place, { baseDir }, AbortSignal.timeout(WITHIN_MS));
    process.stdout.write(`${JSON.stringify({ items })}\n`);
    return 0;
  } finally {
    clearInterval(alive);
  }
}
