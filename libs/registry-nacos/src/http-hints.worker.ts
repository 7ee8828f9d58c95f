import { parentPort, workerData } from 'node:worker_threads';
import { NacosNamingClient } from 'nacos';

// npm `nacos` in a thread of its own: after `close()` it starts to poll services again whose first read was still under way, keeps
// sockets and prints errors. Ending the thread ends all of that.

const { serverList, namespace, ssl } = workerData as { serverList: string; namespace: string; ssl: boolean };
const quiet = () => undefined;
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet, log: quiet } as unknown as typeof console;
const client = new NacosNamingClient({ logger, serverList, namespace, ssl });
const listeners = new Map<string, () => void>();

process.on('uncaughtException', quiet); // a hint that does not come costs a listing interval
process.on('unhandledRejection', quiet);

parentPort?.on(
  'message',
  ({ subscribe, groupName, serviceName }: { subscribe: boolean; groupName: string; serviceName: string }) => {
    const key = `${groupName}@@${serviceName}`;
    const known = listeners.get(key);
    if (subscribe && known === undefined) {
      const listener = () => parentPort?.postMessage({ groupName, serviceName });
      listeners.set(key, listener);
      client.subscribe({ groupName, serviceName }, listener);
    }
    if (!subscribe && known !== undefined) {
      listeners.delete(key);
      client.unSubscribe({ groupName, serviceName }, known);
    }
  },
);
