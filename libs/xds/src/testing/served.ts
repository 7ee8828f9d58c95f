import { afterEach, beforeEach } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { XdsServerOptions } from '../server-options.ts';
import { SnapshotStore } from '../snapshot-store.ts';
import { CDS, EDS } from '../type-urls.ts';
import type { XdsEvent } from '../xds-event.ts';
import { adsServer } from '../xds-server.ts';
import type { XdsServer } from '../xds-server.ts';
import { sotwClient } from './ads-client.ts';
import type { AdsClientOptions, SotwClient } from './ads-client.ts';

/** What each test of a suite has anew: a store with the cluster `a`, servers of it on free ports, and clients; all of it ends with the test. */
export interface Served {
  readonly dir: string;
  readonly store: SnapshotStore;
  readonly events: XdsEvent[];
  set(type: string, name: string, version: string): void;
  serve(more?: Partial<XdsServerOptions>, make?: typeof adsServer): Promise<{ server: XdsServer; port: number }>;
  connect(options: AdsClientOptions): SotwClient;
  /** Closed after the test, the last first. */
  closing<T extends { close(): unknown }>(one: T): T;
}

/** To be called once in a suite; what it returns is filled before each test. */
export function servedByTest(): Served {
  const toClose: { close(): unknown }[] = [];
  const served = {
    dir: '',
    store: new SnapshotStore([CDS, EDS]),
    events: [] as XdsEvent[],
    set(type: string, name: string, version: string): void {
      served.store.commit([{ type, name, resource: { name, version, bytes: Buffer.from(version) } }]);
    },
    async serve(more: Partial<XdsServerOptions> = {}, make = adsServer): Promise<{ server: XdsServer; port: number }> {
      const onEvent = (event: XdsEvent) => served.events.push(event);
      const server = make({ host: '127.0.0.1', port: 0, provider: { viewFor: () => served.store }, onEvent, ...more });
      toClose.push(server);
      return { server, port: await server.listen() };
    },
    connect: (options: AdsClientOptions) => served.closing(sotwClient(options)),
    closing<T extends { close(): unknown }>(one: T): T {
      toClose.push(one);
      return one;
    },
  };
  beforeEach(async () => {
    served.dir = await mkdtemp(join(tmpdir(), 'isthmus-xds-'));
    served.store = new SnapshotStore([CDS, EDS]);
    served.events = [];
    served.set(CDS, 'a', '1');
  });
  afterEach(async () => {
    for (const one of toClose.splice(0).toReversed()) await one.close();
    await rm(served.dir, { recursive: true });
  });
  return served;
}
