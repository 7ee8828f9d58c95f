import { IsthmusError, deadlineSignal } from '@isthmus/model';
import type { SourceId } from '@isthmus/model';
import type { Finding, SourceDeps } from '@isthmus/registry';
import type { McpConfig } from './config.ts';
import { connectionTo } from './connect.ts';
import { DiscoveryStream, isUnimplemented } from './discovery-stream.ts';
import type { Transport } from './answer.ts';
import { failureOf } from './failure.ts';
import { nodeId } from './source.ts';
import { SERVICE_ENTRY } from './types.ts';

const DEADLINE_MS = 4_000;

/** Every server is asked, also those that are only used when another one is lost. */
export async function mcpDoctor(
  id: SourceId,
  config: McpConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  return Promise.all(config.servers.map((server) => examine(id, server, config, deps, signal)));
}

async function examine(id: SourceId, server: string, config: McpConfig, deps: SourceDeps, signal: AbortSignal): Promise<Finding> {
  const ask = (transport: Transport) => countServices(id, server, transport, config, deps, signal);
  try {
    try {
      return found(server, 'delta', await ask('delta'));
    } catch (thrown) {
      const isOlder = isUnimplemented(thrown) || (IsthmusError.is(thrown) && thrown.code === 'registry.timeout');
      if (!isOlder) throw thrown;
      return found(server, 'sotw', await ask('sotw'));
    }
  } catch (thrown) {
    const { what, remedy } = failureOf(server, thrown, config.tls !== undefined);
    return { level: 'error', what: `MCP server ${what}`, remedy };
  }
}

function found(server: string, transport: Transport, count: number): Finding {
  const how = transport === 'delta' ? 'in delta' : 'in state of the world (all of them at every change)';
  return { level: 'ok', what: `MCP server ${server} answers ${how}, ${count} ServiceEntr${count === 1 ? 'y' : 'ies'}` };
}

async function countServices(
  id: SourceId,
  server: string,
  transport: Transport,
  config: McpConfig,
  deps: SourceDeps,
  signal: AbortSignal,
): Promise<number> {
  const connection = await connectionTo(server, config, deps);
  const stream = new DiscoveryStream(transport, connection, nodeId(id));
  const cancel = () => stream.cancel();
  const over = deadlineSignal(DEADLINE_MS, signal);
  over.addEventListener('abort', cancel, { once: true });
  try {
    for (const type of SERVICE_ENTRY) stream.subscribe(type, {});
    let count = 0;
    let left = SERVICE_ENTRY.length;
    for await (const answer of stream.answers(undefined)) {
      if (!SERVICE_ENTRY.includes(answer.type)) continue;
      stream.respond(answer, []);
      count += [...answer.resources].length;
      left -= 1;
      if (left === 0 || count > 0) return count;
    }
    throw new IsthmusError('registry.protocol', 'the server ended the stream');
  } catch (thrown) {
    if (!over.aborted || signal.aborted) throw thrown;
    throw new IsthmusError('registry.timeout', `no ServiceEntries within ${DEADLINE_MS} ms`, {
      remedy: 'a bridge answers when its own registries have been read: look at its /readyz',
    });
  } finally {
    over.removeEventListener('abort', cancel);
    stream.cancel();
    connection.client.close();
  }
}
