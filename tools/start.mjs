// `npm start`: the lab.
import { buildApps } from './build-apps.mjs';
import { install } from './install.mjs';
import { isthmus } from './isthmus.mjs';
import { projectNode } from './paths.mjs';
import { main, run } from './run.mjs';

/** Without these there is nothing to see; Consul's first build takes minutes and joins later. */
const servers = ['envoy', 'nacos2', 'eureka'];

main(async () => {
  await install();
  // On a fresh machine both take half a minute: one computes, the other downloads.
  const provision = run(projectNode(), ['--conditions=source', 'test/servers/src/provision.ts', ...servers], { stream: true });
  const [{ code }] = await Promise.all([provision, buildApps()]);
  return code === 0 ? isthmus(['lab', 'up', ...process.argv.slice(2)]) : code;
});
