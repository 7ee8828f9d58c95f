import type { CorrectionOutcome, CorrectionTarget, RegistryCorrector } from '@isthmus/registry';
import type { ConsulClient } from './client.ts';
import type { ConsulConfig } from './config.ts';
import { connectTo } from './connect.ts';
import { demandWrite, errorOf } from './sink.ts';

const CONNECTIONS = 4;
const REASON = 'Isthmus: its Pod is gone or not ready';

/**
 * Takes instances out by maintenance mode: at the agent that has the service when it is the configured one, else by the
 * same check in the catalog, which stays where no agent watches over the node (consul-k8s, external services). A node
 * whose own agent lives removes that check with its next anti-entropy sync; then it is written again.
 */
export function consulCorrector(config: ConsulConfig, baseDir: string): RegistryCorrector {
  let client: Promise<ConsulClient> | undefined;
  let attempt = 0;

  const correct = (target: CorrectionTarget, disable: boolean, signal: AbortSignal): Promise<CorrectionOutcome> =>
    using(signal, (open) => write(open, target, disable));

  async function using<T>(signal: AbortSignal, work: (open: ConsulClient) => Promise<T>): Promise<T> {
    const opened = (client ??= connectTo(config, { baseDir }, attempt, CONNECTIONS, signal));
    try {
      return await work(await opened);
    } catch (thrown) {
      attempt += 1; // the next call asks the next server
      client = undefined;
      void opened.then(
        (failed) => failed.close(),
        () => undefined,
      );
      throw errorOf(thrown);
    }
  }

  return {
    disable: (target, signal) => correct(target, true, signal),
    enable: (target, signal) => correct(target, false, signal),
    mayCorrect: ({ name }, signal) => using(signal, (open) => demandWrite(open, name)),
    close: () => {
      void client?.then(
        (open) => open.close(),
        () => undefined,
      );
    },
  };
}

async function write(client: ConsulClient, { key, endpoint }: CorrectionTarget, disable: boolean): Promise<CorrectionOutcome> {
  const { instanceId } = endpoint;
  const node = instanceId.slice(0, instanceId.indexOf('/'));
  const id = instanceId.slice(instanceId.indexOf('/') + 1);
  const reason = disable ? `&reason=${encodeURIComponent(REASON)}` : '';
  const path = `agent/service/maintenance/${encodeURIComponent(id)}?enable=${disable}${reason}`;
  if ((await client.write(path, undefined, [404])) !== 404) return 'done';
  const { body } = await client.health(key.name, { dc: key.namespace });
  const entries: unknown = JSON.parse(body.toString('utf8'));
  const listed =
    Array.isArray(entries) && entries.some((entry: CatalogEntry) => entry.Node?.Node === node && entry.Service?.ID === id);
  if (!listed) return 'absent';
  const check = { CheckID: `_service_maintenance:${id}`, ServiceID: id };
  if (disable) {
    const Check = { ...check, Node: node, Name: 'Service Maintenance Mode', Status: 'critical', Notes: REASON };
    await client.write('catalog/register', { Datacenter: key.namespace, Node: node, SkipNodeUpdate: true, Check });
  } else {
    await client.write('catalog/deregister', { Datacenter: key.namespace, Node: node, CheckID: check.CheckID });
  }
  return 'done';
}

interface CatalogEntry {
  readonly Node?: { readonly Node?: unknown };
  readonly Service?: { readonly ID?: unknown };
}
