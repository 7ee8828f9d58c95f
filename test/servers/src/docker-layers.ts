/**
 * Images and their layers from one engine to the next, as a machine's own Docker keeps them: what did not change since is not built
 * again. They are in the directory of Docker's own build (and go with it), and used by one engine at a time (docker.ts).
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

const marker = (layers: string): string => join(layers, 'complete');

/** The directory, empty unless the last engine ended in order: one that was killed may leave containers, mounts and half a layer. */
export async function openLayers(home: string): Promise<string> {
  const layers = join(home, 'layers');
  if (existsSync(marker(layers))) await rm(marker(layers));
  else if (existsSync(layers)) {
    // Aside first: what is still mounted below cannot be removed, and must not stop us.
    const aside = `${layers}.old-${randomUUID()}`;
    await rename(layers, aside);
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
  }
  await mkdir(layers, { recursive: true });
  return layers;
}

/** For the next engine; this one has ended. */
export async function keepLayers(layers: string): Promise<void> {
  await writeFile(marker(layers), '');
}
