import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout: this file runs compiled, from somewhere below `dist/`. */
export function projectRoot(): string {
  const own = fileURLToPath(import.meta.url);
  for (let folder = dirname(own); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'apps/lab/lab.yaml'))) return folder;
    if (folder === dirname(folder)) throw new Error(`apps/lab/lab.yaml was not found above ${own}: the lab runs from a checkout`);
  }
}
