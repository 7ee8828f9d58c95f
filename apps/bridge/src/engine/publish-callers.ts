import type { MeshHost } from '@isthmus/model';
import type { SnapshotStore } from '@isthmus/xds';
import { callersOf, unsaid } from '../mesh/callers.ts';
import type { Callers, CallersOptions } from '../mesh/callers.ts';
import type { MeshPublisher } from '../mesh/mesh-publisher.ts';
import type { Mesh } from '../mesh/open-mesh.ts';
import type { PipelineParts } from '../pipeline.ts';
import type { McpPublisher } from '../pipeline/mcp-publisher.ts';
import type { BridgeConfig } from './bridge-config.ts';

/** As the config has it. @param areOldest see `CallersOptions` */
export function callersOptions({ istio }: BridgeConfig, areOldest: boolean): CallersOptions {
  return { namespaces: istio.callerNamespaces, rootNamespace: istio.rootNamespace, areOldest };
}

/** What an output publishes for the callers of a host, by the config that is in force when it is asked. */
export function callersFor(
  publisher: MeshPublisher,
  config: () => BridgeConfig,
  areOldest: boolean,
): (host: MeshHost) => Callers {
  return (host) => {
    const options = callersOptions(config(), areOldest);
    if (options.namespaces.length > 0) return callersOf(publisher, host, options);
    // Sidecars that this bridge serves itself need none of it.
    if (config().outputs.xds !== undefined) return NOTHING;
    const isUnsaid = publisher.services.get(host) !== undefined && publisher.rules.consumers.entriesOf(host).length > 0;
    return isUnsaid ? { objects: [], diagnostics: [unsaid(host)] } : NOTHING;
  };
}

interface McpOwner {
  readonly config: BridgeConfig;
  readonly mesh: Mesh;
  readonly mcp: SnapshotStore;
  readonly publishers: { readonly mcp: McpPublisher };
}

/** Of a pipeline; undefined: no MCP output. */
export function mcpParts({ config, mesh, mcp: store, publishers }: McpOwner): PipelineParts['mcp'] {
  if (config.outputs.mcp === undefined) return undefined;
  return { publisher: publishers.mcp, store, callers: callersFor(mesh.publisher, () => config, true) };
}

const NOTHING: Callers = { objects: [], diagnostics: [] };
