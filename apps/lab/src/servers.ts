/** The real servers of the lab, each as a part: how it is started, on which of the lab's ports. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  cacheKey,
  cacheRoot,
  ServerStartError,
  servers,
  startConsul,
  startEnvoy,
  startEureka,
  startIstiod,
  startNacos2,
  startNacos3,
  type IstiodServer,
  type OnProgress,
  type ServerName,
} from '@isthmus/servers';
import { buildInBackground } from './build-in-background.ts';
import { besideWeb, envoyBootstrap, fedByIstiod } from './envoy-bootstrap.ts';
import type { LabPorts } from './lab-ports.ts';
import { Part, type PartOptions } from './part.ts';

export interface ServerParts {
  readonly nacos: Part;
  readonly eureka: Part;
  readonly consul: Part;
  readonly envoy: Part;
  readonly nacos3: Part;
  readonly istiod: Part;
  readonly istioEnvoy: Part;
}

/** Istio's own filters are not in a stock Envoy, and its automatic mTLS waits for secrets of Istio's agent (docs/facts.md). */
const forStockEnvoy = {
  env: { PILOT_ENABLE_ALPN_FILTER: 'false', PILOT_ENABLE_METADATA_EXCHANGE: 'false' },
  meshConfig: { enableAutoMtls: false, defaultProviders: { metrics: [] } },
};

export interface ServerPartsOptions {
  readonly ports: LabPorts;
  /** The lab's directory; logs of builds go below it. */
  readonly dir: string;
  readonly root: string;
  readonly restartAfterMs: number | undefined;
}

export function serverParts({ ports, dir, root, restartAfterMs }: ServerPartsOptions): ServerParts {
  const built = async (server: ServerName, onProgress: OnProgress, signal: AbortSignal): Promise<void> => {
    if (await isBuilt(server)) return;
    await buildInBackground({ server, root, logFile: join(dir, `logs/build-${server}.log`), onProgress, signal });
  };
  const part = (name: string, start: PartOptions['start'], until?: string): Part =>
    new Part({ name, group: 'servers', start, restartAfterMs }, until);
  let istiod: IstiodServer | undefined;
  return {
    nacos: part('nacos', (onProgress, signal) =>
      twice(signal, () => startNacos2({ port: ports.nacos, signal, provide: { onProgress } })),
    ),
    eureka: part('eureka', (onProgress, signal) => startEureka({ port: ports.eureka, signal, provide: { onProgress } })),
    consul: part(
      'consul',
      async (onProgress, signal) => {
        await built('consul', onProgress, signal);
        return startConsul({ port: ports.consul, signal });
      },
      'the other servers',
    ),
    envoy: part(
      'envoy',
      (onProgress, signal) =>
        startEnvoy({
          bootstrap: envoyBootstrap(besideWeb(ports)),
          ports: { admin: ports.envoyAdmin },
          signal,
          provide: { onProgress },
        }),
      'the bridge',
    ),
    nacos3: part('nacos3', (onProgress, signal) =>
      twice(signal, () => startNacos3({ port: ports.nacos3, signal, provide: { onProgress } })),
    ),
    istiod: part(
      'istiod',
      async (onProgress, signal) => {
        await built('istiod', onProgress, signal);
        istiod = await startIstiod({ ...forStockEnvoy, mcp: `127.0.0.1:${ports.mcp}`, signal });
        return istiod;
      },
      'the bridge',
    ),
    istioEnvoy: part(
      'envoy of istiod',
      (onProgress, signal) => {
        if (istiod === undefined) throw new Error('istiod does not run');
        return startEnvoy({
          bootstrap: envoyBootstrap(fedByIstiod(ports, istiod.ports.grpc)),
          ports: { admin: ports.istioEnvoyAdmin },
          signal,
          provide: { onProgress },
        });
      },
      'istiod',
    ),
  };
}

/** Nacos gives its database ten seconds for its first connection (a constant of its own), which a busy machine does not always keep. */
async function twice<T>(signal: AbortSignal, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (signal.aborted || !(error instanceof ServerStartError)) throw error;
    return start();
  }
}

/** Whether the server is built already, so that starting it takes seconds. */
export async function isBuilt(name: ServerName): Promise<boolean> {
  return existsSync(join(cacheRoot(), await cacheKey(name, servers[name].version)));
}
