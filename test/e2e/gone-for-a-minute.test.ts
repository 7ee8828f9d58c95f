import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EndpointView, ItemList, SourceView } from '@isthmus/contract';
import { scopeId, serviceId, takesTraffic } from '@isthmus/model';
import type { Endpoint, ServiceId, ServiceRecord, SourceEvent } from '@isthmus/model';
import { until } from '@isthmus/model/testing';
import { collect } from '@isthmus/registry/testing';
import type { Collector } from '@isthmus/registry/testing';
import { AWAY_REGISTRIES } from './support/away-registries.ts';
import type { AwayRegistry, Reader } from './support/away-registries.ts';
import { BridgeProcess } from './support/bridge.ts';
import { XDS_TYPES } from './support/replica-set.ts';
import { XdsView } from './support/xds-view.ts';

const MINUTE_MS = 60_000;
/** Stopped instead of killed: its connections stay open and are silent. */
const HANGS = ['Kubernetes API server', 'Nacos 2', 'Nacos 3'];
/**
 * Their providers give up their connections meanwhile, and when these go on they may say truly that the instances are gone, until they
 * have registered again: the source says so, and the bridge keeps them.
 */
const MAY_DROP = ['nacos2-grpc', 'nacos2-http', 'nacos3'];
const KEPT = 'kept';
const LEAVES = 'leaves';
const LATER = 'later';

/**
 * All registries away for the same minute: long enough for pauses between attempts to have grown to their longest, for sessions
 * to be over and for connections to be given up. It costs a minute, and next to no CPU.
 */
describe('every registry gone for a minute', () => {
  const registries: { readonly name: string; readonly net: string; readonly away: AwayRegistry }[] = [];
  const views = new Map<string, Collector>();
  const before = new Map<string, ReadonlyMap<ServiceId, ServiceRecord>>();
  const marks = new Map<string, number>();
  const xds = new XdsView(XDS_TYPES);
  let bridge: BridgeProcess;
  let published: XdsView['content'];

  /** What each of them has, by its own network. */
  const instances = (net: string) => ({
    [KEPT]: [at(`${net}.1`, 8_001), at(`${net}.2`, 8_002)],
    [LEAVES]: [at(`${net}.3`, 8_003)],
    [LATER]: [at(`${net}.4`, 8_004)],
  });
  const readers = (): readonly { readonly reader: Reader; readonly net: string; readonly away: AwayRegistry }[] =>
    registries.flatMap(({ net, away }) => away.readers.map((reader) => ({ reader, net, away })));
  const viewOf = (reader: Reader) => views.get(reader.name) as Collector;
  const stateIn = (reader: Reader, away: AwayRegistry) => viewOf(reader).status(away.harness.scope)?.state;
  const everywhere = (what: string, isSo: (reader: Reader, net: string, away: AwayRegistry) => boolean, deadlineMs = 60_000) => {
    const not = () => readers().filter(({ reader, net, away }) => !isSo(reader, net, away));
    return until(
      () =>
        `${what}; not so: ${not()
          .map(({ reader, away }) => `${reader.name} ${stateIn(reader, away)}`)
          .join(', ')}`,
      () => not().length === 0,
      deadlineMs,
    );
  };
  const has = (reader: Reader, { address, port }: Place) =>
    [...viewOf(reader).services.values()].some(({ endpoints }) =>
      endpoints.some((one) => one.address === address && one.port === port),
    );
  const sources = async () => (await bridge.get<ItemList<SourceView>>('sources')).items.filter(({ endpoints }) => endpoints > 0);
  /** `nacos3 10.70.1.1:8001` for each endpoint that takes traffic. */
  const servedAt = async () => {
    const { items } = await bridge.get<ItemList<EndpointView>>('endpoints');
    const ours = items.filter((one) => one.takesTraffic && one.address.startsWith(`${NETS}.`));
    return ours.map(({ origin, address, port }) => `${origin.split('/')[0]} ${address}:${port}`).sort();
  };

  beforeAll(async () => {
    const started = await Promise.allSettled(Object.values(AWAY_REGISTRIES).map((start) => start()));
    for (const [n, name] of Object.keys(AWAY_REGISTRIES).entries()) {
      const result = started[n];
      if (result?.status === 'fulfilled') registries.push({ name, net: `${NETS}.${n}`, away: result.value });
    }
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    for (const { net, away } of registries)
      for (const service of [KEPT, LEAVES] as const)
        for (const instance of instances(net)[service]) await away.harness.register(service, instance);
    for (const { reader } of readers()) views.set(reader.name, collect(reader.open()));
    bridge = await BridgeProcess.start(
      readers().map(({ reader }) => ({ ...reader.registry, name: reader.name })),
      {
        merge: { hosts: [{ services: '*/*/*/*', host: '{name}.{source}.away' }] },
      },
    );
    await everywhere('live, with all of it', (reader, net, away) => {
      const { [KEPT]: kept, [LEAVES]: leaves } = instances(net);
      return stateIn(reader, away) === 'live' && [...kept, ...leaves].every((place) => has(reader, place));
    });
    await until('the bridge serves all of it', async () => (await servedAt()).length === readers().length * 3);
    xds.connect(bridge.ports.xds, 'sidecar~127.0.0.1~app.default~default.svc.cluster.local');
    await until('the proxy has all of it', () => xds.answered.size === XDS_TYPES.length);
  }, 600_000);

  afterAll(async () => {
    xds.close();
    await Promise.all([...views.values()].map((view) => view.stop(5_000)));
    await bridge?.close();
    await Promise.all(registries.map(({ away }) => away.harness.close()));
  }, 120_000);

  test('each is stale with its age, and all that it had is served', async () => {
    const served = await servedAt();
    published = xds.content;
    for (const { reader } of readers()) {
      before.set(reader.name, new Map(viewOf(reader).services));
      marks.set(reader.name, viewOf(reader).events.length);
    }
    await Promise.all(registries.map(({ name, away: { harness } }) => (HANGS.includes(name) ? harness.hang() : harness.down())));
    await everywhere('stale', (reader, _, away) => stateIn(reader, away) === 'stale');
    await until('the bridge says so', async () => (await sources()).every(({ state }) => state === 'stale'));
    const gone = performance.now();
    await until('a minute has passed', () => performance.now() - gone >= MINUTE_MS, 2 * MINUTE_MS);
    await everywhere('still stale', (reader, _, away) => stateIn(reader, away) === 'stale', 0);
    const shown = await sources();
    expect(shown.map(({ source }) => source).sort()).toEqual([...views.keys()].sort());
    for (const { source, state, cause, ageMs = 0 } of shown) {
      expect({ source, state, cause }).toEqual({ source, state: 'stale', cause: expect.stringMatching(/./) });
      expect(ageMs).toBeGreaterThanOrEqual(MINUTE_MS);
    }
    expect(await servedAt()).toEqual(served);
    expect(xds.content).toEqual(published);
  }, 240_000);

  test('when they are back with what they had each is live again, and nothing was removed or missing at any moment', async () => {
    await Promise.all(
      registries.map(({ name, away: { harness } }) => (HANGS.includes(name) ? harness.resume() : harness.up({ keepData: true }))),
    );
    await everywhere('live again', (reader, _, away) => stateIn(reader, away) === 'live', 120_000);
    await until('the bridge says so', async () => (await sources()).every(({ state }) => state === 'live'), 120_000);
    const seen = (of: (events: readonly SourceEvent[], reader: Reader, away: AwayRegistry) => unknown) =>
      Object.fromEntries(
        readers().map(({ reader, away }) => {
          const events = viewOf(reader).events.slice(marks.get(reader.name));
          return [reader.name, of(events, reader, away)];
        }),
      );
    const dropped = () =>
      seen((events, { name }) => (MAY_DROP.includes(name) ? lost(events, before.get(name) ?? new Map()).length : 0));
    const everyone = (what: unknown) => Object.fromEntries([...views.keys()].map((name) => [name, what]));
    for (const { away } of registries) await away.providersReconnect?.();
    await everywhere('all there again', (reader, net) => {
      const { [KEPT]: kept, [LEAVES]: leaves } = instances(net);
      return [...kept, ...leaves].every((place) => has(reader, place));
    });
    const gone = seen((events, { name }) => (MAY_DROP.includes(name) ? [] : lost(events, before.get(name) ?? new Map())));
    expect(gone).toEqual(everyone([]));
    process.stdout.write(`dropped by a registry that had hung, and kept: ${JSON.stringify(dropped())}\n`);
    const states = seen((events, _, away) => new Set(statesOf(events, scopeId(away.harness.scope))));
    expect(states).toEqual(everyone(new Set(['stale', 'live']))); // on a busy machine more than once: a lease of ZooKeeper's may end
    expect(xds.removed).toEqual([]);
    expect(xds.content).toEqual(published);
  }, 300_000);

  test('what changes afterwards arrives: one service comes, one goes', async () => {
    for (const { net, away } of registries) {
      const { [LATER]: later, [LEAVES]: leaves } = instances(net);
      for (const instance of later) await away.harness.register(LATER, instance);
      for (const { address, port } of leaves) await away.harness.deregister(LEAVES, address, port);
    }
    await everywhere('one has come, one is gone, the others stay', (reader, net) => {
      const { [KEPT]: kept, [LATER]: later, [LEAVES]: leaves } = instances(net);
      return [...kept, ...later].every((place) => has(reader, place)) && !leaves.some((place) => has(reader, place));
    });
    const wanted = readers().flatMap(({ reader, net }) => {
      const { [KEPT]: kept, [LATER]: later } = instances(net);
      return [...kept, ...later].map(({ address, port }) => `${reader.name} ${address}:${port}`);
    });
    let served: readonly string[] = [];
    const difference = () => [...new Set(served).symmetricDifference(new Set(wanted))];
    await until(
      () => `the bridge serves it; what differs: ${difference().join(', ')}`,
      async () => {
        served = await servedAt();
        return difference().length === 0;
      },
      60_000,
    );
    const { items } = await bridge.get<ItemList<EndpointView>>('endpoints');
    const later = registries.flatMap(({ net }) => instances(net)[LATER].map(({ address }) => address));
    const hosts = new Set(items.filter(({ address }) => later.includes(address)).map(({ host }) => host));
    const unknown = () => hosts.difference(new Set(xds.names(EDS).map((cluster) => cluster.split('|')[3])));
    await until(
      () => `the proxy knows; not ${[...unknown()].join(', ')}`,
      () => unknown().size === 0,
    );
    expect([...views].flatMap(([name, { violations }]) => violations.map((what) => `${name}: ${what}`))).toEqual([]);
  }, 120_000);
});

const NETS = '10.70';

const EDS = XDS_TYPES[1] as string;

type Place = Pick<Endpoint, 'address' | 'port'>;

function at(address: string, port: number): Place {
  return { address, port };
}

function statesOf(events: readonly SourceEvent[], scope: string): readonly string[] {
  return events.flatMap((event) => (event.kind === 'status' && scopeId(event.scope) === scope ? [event.status.state] : []));
}

/** What these events take away of what was known, whatever came after. */
function lost(events: readonly SourceEvent[], known: ReadonlyMap<ServiceId, ServiceRecord>): readonly string[] {
  const missing = (id: ServiceId, now: ServiceRecord | undefined): readonly string[] => {
    const still = new Set(now?.endpoints.filter(takesTraffic).map(({ address, port }) => `${address}:${port}`));
    const had = known.get(id)?.endpoints.filter(takesTraffic) ?? [];
    return had.map(({ address, port }) => `${address}:${port}`).filter((place) => !still.has(place));
  };
  return events.flatMap((event) => {
    if (event.kind === 'remove') return [`${serviceId(event.key)} is removed`];
    if (event.kind === 'upsert') return missing(serviceId(event.service.key), event.service);
    if (event.kind !== 'snapshot') return [];
    const ids = [...known.keys()].filter((id) => id.startsWith(`${scopeId(event.scope)}/`));
    return ids.flatMap((id) => missing(id, event.services.get(id)));
  });
}
