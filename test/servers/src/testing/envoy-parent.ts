// A process with one real server. Prints the server's pid and directory, then stays until it is killed.
import { startEnvoy } from '../envoy.ts';

const { pid, dir } = await startEnvoy({ bootstrap: {} });
console.log(JSON.stringify({ pid, dir }));
setInterval(() => undefined, 60_000);
