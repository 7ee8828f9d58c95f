// What every command does first: install what is missing, build what changed. Nothing to do: ~0.1 s.
import { pathToFileURL } from 'node:url';
import { buildAgent } from './build-agent.mjs';
import { buildApps } from './build-apps.mjs';
import { install } from './install.mjs';
import { main } from './run.mjs';

export async function ensure() {
  await install();
  await buildApps();
  await buildAgent();
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  main(async () => {
    await ensure();
    return 0;
  });
}
