import { marksOf, marksToMetadata } from '@isthmus/registry';
import type { ListedEntry, SinkEntry, SinkSession, SinkWire, SinkWireDeps } from '@isthmus/registry';
import type { EurekaConfig } from './config.ts';
import { rawInstance, readInstance } from './instance.ts';
import { EurekaWriter } from './writer.ts';

/** Publishes into one Eureka cluster by its REST: applications with a lease that is renewed. */
export function eurekaSink(config: EurekaConfig, deps: SinkWireDeps): SinkWire {
  return {
    async connect(attempt, signal): Promise<SinkSession> {
      const writer = await EurekaWriter.open(config, deps.baseDir, attempt);
      try {
        // An application that nobody has: answers 404, or 401 to wrong credentials.
        await writer.call('GET', '/apps/ISTHMUS-IS-ASKING', undefined, [404], signal);
      } catch (thrown) {
        writer.close();
        throw thrown;
      }
      return new EurekaSinkSession(writer, deps);
    },
  };
}

class EurekaSinkSession implements SinkSession {
  readonly #writer: EurekaWriter;
  readonly #deps: SinkWireDeps;
  #lastDirty = 0;

  constructor(writer: EurekaWriter, deps: SinkWireDeps) {
    this.#writer = writer;
    this.#deps = deps;
  }

  async list({ name }: SinkEntry['at'], signal: AbortSignal): Promise<readonly ListedEntry[]> {
    const { status, json } = await this.#writer.call('GET', appPath(name), undefined, [404], signal);
    if (status === 404) return [];
    const application = (json as { application?: { instance?: unknown } } | undefined)?.application;
    const instances = Array.isArray(application?.instance) ? application.instance : [application?.instance];
    return instances.flatMap((wire: unknown) => {
      const held = readInstance(wire, true);
      if (held === undefined) return [];
      const { address, port, metadata } = rawInstance(held);
      if (typeof address !== 'string' || typeof port !== 'number') return [];
      return [{ address, port, marks: marksOf((metadata ?? {}) as Record<string, unknown>) }];
    });
  }

  async register(entry: SinkEntry, signal: AbortSignal): Promise<void> {
    // A server ignores a registration that is not newer than the one it has.
    this.#lastDirty = Math.max(this.#deps.clock.now(), this.#lastDirty + 1);
    const instance = wireOf(entry, this.#deps.meshId, this.#lastDirty);
    await this.#writer.call('POST', appPath(entry.at.name), { instance }, [], signal);
  }

  async renew(entry: SinkEntry, signal: AbortSignal): Promise<'renewed' | 'unknown'> {
    const { status } = await this.#writer.call('PUT', this.#path(entry), undefined, [404], signal);
    return status === 404 ? 'unknown' : 'renewed';
  }

  /** DOWN first, as Spring Cloud does: peers and delta readers then see a change of it even where the removal is lost. */
  async deregister(entry: SinkEntry, signal: AbortSignal): Promise<void> {
    this.#lastDirty = Math.max(this.#deps.clock.now(), this.#lastDirty + 1);
    const down = { ...wireOf(entry, this.#deps.meshId, this.#lastDirty), status: 'DOWN' };
    await this.#writer.call('POST', appPath(entry.at.name), { instance: down }, [], signal);
    await this.#writer.call('DELETE', this.#path(entry), undefined, [404], signal);
  }

  /** What is nothing (400) or is not there (404): whoever may not is refused before that is looked at. */
  async mayWrite({ name }: SinkEntry['at'], signal: AbortSignal): Promise<void> {
    const nobody = `${appPath(name)}/isthmus-is-asking`;
    await this.#writer.call('POST', appPath(name), { instance: {} }, [400], signal);
    await this.#writer.call('PUT', nobody, undefined, [404], signal);
    await this.#writer.call('DELETE', nobody, undefined, [404], signal);
  }

  close(): void {
    this.#writer.close();
  }

  #path(entry: SinkEntry): string {
    return `${appPath(entry.at.name)}/${encodeURIComponent(idOf(entry, this.#deps.meshId))}`;
  }
}

/** Names come back in upper case; the server compares them so. */
function appPath(name: string): string {
  return `/apps/${encodeURIComponent(name.toUpperCase())}`;
}

/** Never the id of an SDK's own registration (`host:app:port`). */
function idOf({ at, address, port }: SinkEntry, meshId: string): string {
  return `isthmus:${meshId}:${at.name.toLowerCase()}:${address}:${port}`;
}

/** What a Spring Cloud instance says of itself, and what its callers read: VIP = application, the open port, URLs, lease. */
function wireOf(entry: SinkEntry, meshId: string, dirtyAt: number): object {
  const { at, address, port, protocol, weight, ttlMs } = entry;
  const secure = protocol === 'https' || protocol === 'tls';
  const host = address.includes(':') ? `[${address}]` : address;
  const base = `${secure ? 'https' : 'http'}://${host}:${port}`;
  const vip = at.name.toLowerCase();
  const seconds = Math.max(1, Math.round(ttlMs / 1_000));
  return {
    instanceId: idOf(entry, meshId),
    hostName: address,
    app: at.name.toUpperCase(),
    ipAddr: address,
    status: 'UP',
    overriddenStatus: 'UNKNOWN',
    port: { $: secure ? 80 : port, '@enabled': String(!secure) },
    securePort: { $: secure ? port : 443, '@enabled': String(secure) },
    countryId: 1,
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    leaseInfo: { renewalIntervalInSecs: Math.max(1, Math.round(seconds / 4)), durationInSecs: seconds },
    metadata: {
      ...entry.metadata,
      ...(weight === 1 ? {} : { weight: String(weight) }),
      ...(protocol === 'http' || protocol === 'https' ? {} : { protocol }),
      'management.port': String(port),
      ...marksToMetadata(entry.marks),
    },
    homePageUrl: `${base}/`,
    statusPageUrl: `${base}/actuator/info`,
    healthCheckUrl: `${base}/actuator/health`,
    vipAddress: vip,
    secureVipAddress: vip,
    isCoordinatingDiscoveryServer: 'false',
    lastUpdatedTimestamp: String(dirtyAt),
    lastDirtyTimestamp: String(dirtyAt),
  };
}
