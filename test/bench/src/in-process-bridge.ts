import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { configError, parseConfig } from '@isthmus/config';
import { FileLedger } from '@isthmus/ledger';
import { EventChannel } from '@isthmus/registry';
import type { RegistryKind, RegistrySource } from '@isthmus/registry';
import type { SourceEvent } from '@isthmus/model';
import { adsServer, mcpServer } from '@isthmus/xds';
import type { XdsEvent, XdsServer } from '@isthmus/xds';
import { Engine } from '../../../apps/bridge/src/engine/engine.ts';
import { registryKinds } from '../../../apps/bridge/src/registries.ts';

export interface Taps {
  /** The last byte of a registry's message is there: `performance.now()` then. */
  readonly onMessage?: (atMs: number) => void;
  /** A source made an event of it. */
  readonly onEvent?: (event: SourceEvent) => void;
  readonly onXds?: (event: XdsEvent) => void;
  readonly onMcp?: (event: XdsEvent) => void;
}

/**
 * The bridge without its control API, in this process: the engine with its file ledger and both xDS servers. Everything
 * between a registry's socket and the proxies' is what the product runs.
 */
export class InProcessBridge {
  readonly engine: Engine;
  readonly #ads: XdsServer;
  readonly #mcp: XdsServer;
  readonly #directory: string;

  private constructor(engine: Engine, ads: XdsServer, mcp: XdsServer, directory: string) {
    this.engine = engine;
    this.#ads = ads;
    this.#mcp = mcp;
    this.#directory = directory;
  }

  /**
   * Listens, and follows the registries; `engine.readiness.ready` tells when all were read.
   * @param sections more of the config, such as `istio`
   */
  static async start(
    registries: readonly object[],
    taps: Taps = {},
    known: readonly RegistryKind[] = registryKinds,
    sections: Readonly<Record<string, unknown>> = {},
  ): Promise<InProcessBridge> {
    const directory = await mkdtemp(join(tmpdir(), 'isthmus-bench-'));
    // The servers of the bench take any free port, whatever stands here.
    const unused = { listen: '127.0.0.1:1' };
    const text = stringify({
      version: 1,
      meshId: 'bench',
      registries,
      outputs: { xds: unused, mcp: { listen: '127.0.0.1:2' } },
      control: { listen: '127.0.0.1:3' },
      readiness: { maxWait: '10m' },
      ...sections,
    });
    const { onEvent } = taps;
    const kinds = onEvent === undefined ? known : known.map((kind) => tapped(kind, onEvent));
    const parsed = parseConfig(join(directory, 'isthmus.yaml'), Buffer.from(text), { kinds });
    if (!parsed.ok) throw configError(parsed.problems);
    const engine = new Engine(parsed.config, await FileLedger.open(parsed.config.ledger.file), {
      ...(taps.onMessage === undefined ? {} : { onMessage: taps.onMessage }),
    });
    const at = { host: '127.0.0.1', port: 0, ready: engine.readiness.ready };
    const onXds = taps.onXds === undefined ? {} : { onEvent: taps.onXds };
    const ads = adsServer({ ...at, ...onXds, provider: engine.mesh.views });
    const onMcp = taps.onMcp === undefined ? {} : { onEvent: taps.onMcp };
    const mcp = mcpServer({ ...at, ...onMcp, provider: { viewFor: () => engine.mcp } });
    await ads.listen();
    await mcp.listen();
    engine.start();
    return new InProcessBridge(engine, ads, mcp, directory);
  }

  get port(): number {
    return this.#ads.port ?? 0;
  }

  get mcpPort(): number {
    return this.#mcp.port ?? 0;
  }

  async close(): Promise<void> {
    await Promise.all([this.#ads.close(), this.#mcp.close()]);
    await this.engine.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The same kind, whose sources tell of each event as soon as they have it, however busy the pipeline is. */
function tapped(kind: RegistryKind, onEvent: (event: SourceEvent) => void): RegistryKind {
  return {
    ...kind,
    createSource: (id, config, deps) => tap(kind.createSource(id, config, deps), onEvent),
  };
}

function tap(source: RegistrySource, onEvent: (event: SourceEvent) => void): RegistrySource {
  return {
    id: source.id,
    async *watch(signal) {
      const channel = new EventChannel();
      const drained = (async () => {
        for await (const event of source.watch(signal)) {
          onEvent(event);
          channel.push(event);
        }
      })();
      yield* channel.read(signal);
      await drained;
    },
  };
}
