import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ExplainAnswer, PublicationDiff, PublicationList } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowEureka, borrowNacos2, freePorts, startConsul } from '@isthmus/servers';
import type { Borrowed, ConsulServer, EnvoyServer, EurekaPorts, NacosPorts } from '@isthmus/servers';
import { parse, stringify } from 'yaml';
import { BridgeProcess } from './support/bridge.ts';
import { EurekaClient } from './support/eureka-client.ts';
import { startGateway } from './support/gateway.ts';
import { SdkCaller } from './support/sdk-caller.ts';
import type { CallerReport } from './support/sdk-caller.ts';

const PATIENCE_MS = 90_000;

/**
 * A monolith that is in no registry becomes callable from services with an SDK, through a gateway that routes by path; one
 * path of it moves out into a new service, and back.
 */
describe('the way back: an unregistered monolith and unchanged callers with an SDK', () => {
  let nacos: Borrowed<NacosPorts>;
  let consul: ConsulServer;
  let eureka: Borrowed<EurekaPorts>;
  let bridge: BridgeProcess;
  let gateway: EnvoyServer<'gateway'>;
  let routesFile = '';
  let routes: (to: 'monolith' | 'reviews') => Promise<void>;
  let gatewayPort = 0;
  const servers: Server[] = [];
  const callers: SdkCaller[] = [];

  const serve = async (name: string): Promise<number> => {
    const server = createServer((incoming, response) => void response.end(`${name}`).on('close', () => incoming.resume()));
    server.keepAliveTimeout = 60_000; // Node's 5 s race with a proxy that uses a connection again
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const at = (port: number) => `127.0.0.1:${port}`;
  const reports = () => Promise.all(callers.map((caller) => caller.report()));
  /** Asks until the last calls of each caller to a path were answered by one service alone. */
  const answered = async (path: string, by: string) => {
    const all: CallerReport[] = [];
    const inARow = new Map<number, number>();
    await until(
      `${path} is answered by ${by} for every caller`,
      async () => {
        const now = await reports();
        all.push(...now);
        for (const [i, { bodies }] of now.entries()) {
          const others = Object.keys(bodies).some((key) => key.startsWith(`${path} `) && key !== `${path} ${by}`);
          inARow.set(i, others ? 0 : (inARow.get(i) ?? 0) + (bodies[`${path} ${by}`] ?? 0));
        }
        return now.every((_, i) => (inARow.get(i) ?? 0) >= 20);
      },
      PATIENCE_MS,
    );
    return all;
  };

  beforeAll(async () => {
    [nacos, consul, eureka] = await Promise.all([borrowNacos2(), startConsul(), borrowEureka()]);
    const [monolith, reviews] = [await serve('monolith'), await serve('reviews')];
    // The new service registers itself, as its team is used to.
    const put = await fetch(`http://${at(consul.ports.http)}/v1/agent/service/register`, {
      method: 'PUT',
      body: JSON.stringify({ ID: 'reviews-1', Name: 'reviews', Address: '127.0.0.1', Port: reviews }),
    });
    expect(put.status).toBe(200);
    await new EurekaClient(eureka.ports.http).register('bystander', 9);
    [gatewayPort = 0] = await freePorts(1);
    bridge = await BridgeProcess.prepare([]);
    const file = { services: [{ host: 'monolith.shop.mesh', endpoints: [{ address: '127.0.0.1', port: monolith }] }] };
    await writeFile(join(bridge.directory, 'services.yaml'), stringify(file));
    const publish = ['shop', 'hq', 'old'].map((to) => ({
      to,
      services: ['monolith.*'],
      name: 'monolith',
      address: 'gateway',
      gateway: at(gatewayPort),
      metadata: { version: 'v1' },
    }));
    await bridge.configure(
      [
        { name: 'fixed', kind: 'file', path: 'services.yaml' },
        { name: 'shop', kind: 'nacos', servers: [`http://${at(nacos.ports.http)}`] },
        { name: 'hq', kind: 'consul', servers: [`http://${at(consul.ports.http)}`] },
        { name: 'old', kind: 'eureka', servers: [`http://${at(eureka.ports.http)}/eureka`], pollInterval: '500ms' },
      ],
      { publish },
    );
    routesFile = join(bridge.directory, 'routes.yaml');
    routes = async (to) => {
      const clusters = { monolith: 'outbound|80||monolith.shop.mesh', reviews: 'outbound|80||reviews.dc1.consul' };
      const route = (prefix: string, cluster: string) => ({ match: { prefix }, route: { cluster } });
      const virtualHost = {
        name: 'monolith',
        domains: ['*'],
        routes: [route('/reviews', clusters[to]), route('/', clusters.monolith)],
      };
      const resource = {
        '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
        name: 'gateway',
        virtual_hosts: [virtualHost],
      };
      await writeFile(`${routesFile}.new`, stringify({ version_info: to, resources: [resource] }));
      await rename(`${routesFile}.new`, routesFile); // Envoy watches for files that are moved into place
    };
    await routes('monolith');
  }, 600_000);

  afterAll(async () => {
    await Promise.all(callers.map((caller) => caller.stop()));
    await gateway?.stop();
    await bridge?.close();
    await Promise.all([nacos?.giveBack(), consul?.stop(), eureka?.giveBack()]);
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }, 60_000);

  test('serve --dry-run writes nothing, and export tells what would be written', async () => {
    await bridge.run(undefined, ['--dry-run']);
    const url = `http://${at(bridge.ports.control)}/api/v1/export?format=publications`;
    const diff = parse(await (await fetch(url)).text()) as PublicationDiff;
    expect(diff.items.map(({ to, action, name, address, port }) => `${action} ${to} ${name} ${address}:${port}`)).toEqual(
      ['hq', 'old', 'shop'].map((to) => `register ${to} monolith ${at(gatewayPort)}`),
    );
    expect(diff.items[0]?.metadata).toMatchObject({ version: 'v1', 'isthmus-origin': expect.stringContaining('monolith') });
    const { items } = await bridge.get<PublicationList>('publications');
    expect(items.map((p) => p.state)).toEqual(['pending', 'pending', 'pending']);
    expect(await (await fetch(`http://${at(consul.ports.http)}/v1/health/service/monolith`)).json()).toEqual([]);
    expect((await fetch(`http://${at(eureka.ports.http)}/eureka/apps/MONOLITH`)).status).toBe(404);
    await bridge.end('SIGTERM');
  }, 120_000);

  test('it is published into Nacos, Consul and Eureka, and callers of npm nacos, consul and eureka-js-client find it', async () => {
    await bridge.run();
    gateway = await startGateway(bridge.ports.xds, gatewayPort, routesFile);
    callers.push(
      SdkCaller.start('nacos', nacos.ports.http, 'monolith'),
      SdkCaller.start('consul', consul.ports.http, 'monolith'),
      SdkCaller.start('eureka', eureka.ports.http, 'monolith'),
    );
    await until(
      'all are published',
      async () => {
        const { items } = await bridge.get<PublicationList>('publications');
        return items.length === 3 && items.every((p) => p.state === 'published' && p.entries.join() === at(gatewayPort));
      },
      PATIENCE_MS,
    );
    const all = [...(await answered('/orders', 'monolith')), ...(await answered('/reviews', 'monolith'))];
    expect(all.flatMap((report) => report.failures)).toEqual([]);
    expect(all.filter((report) => report.known.length > 0).every((report) => report.known.join() === at(gatewayPort))).toBe(true);
  }, 200_000);

  test('our own publications are not imported: no host is made of them, nothing goes round', async () => {
    await until('all three are known as ours', async () => {
      const { counts } = await bridge.get<{ counts: Record<string, number> }>('diagnostics');
      return counts['import.own'] === 3;
    });
    const { items } = await bridge.get<{ items: readonly { host: string }[] }>('services');
    expect(items.map((service) => service.host).filter((host) => host.startsWith('monolith'))).toEqual(['monolith.shop.mesh']);
  });

  test('explain shows where it is published, and a dry run finds nothing left to write', async () => {
    const explained = await bridge.get<ExplainAnswer>('explain?q=monolith.shop.mesh');
    expect(explained.matches[0]?.published?.map(({ to, name, state }) => `${to} ${name} ${state}`)).toEqual([
      'shop monolith published',
      'hq monolith published',
      'old monolith published',
    ]);
    expect(await bridge.get<PublicationDiff>('publications/diff')).toEqual({ items: [], failed: [] });
    const metrics = await (await fetch(`http://${at(bridge.ports.control)}/metrics`)).text();
    expect(metrics).toMatch(/publications\{[^}]*registry="shop"[^}]*state="published"[^}]*\} 1/);
  });

  test('one path moves into a new service and back under load: 0 failed calls', async () => {
    await reports();
    const all: CallerReport[] = [];
    for (const to of ['reviews', 'monolith', 'reviews', 'monolith'] as const) {
      await routes(to);
      all.push(...(await answered('/reviews', to)), ...(await answered('/orders', 'monolith')));
    }
    const failures = all.flatMap((report) => report.failures);
    const calls = all.reduce((sum, report) => sum + report.calls, 0);
    process.stdout.write(`one path moved out and back twice: ${calls} calls, ${failures.length} failed\n`);
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(100);
  }, 400_000);

  test('consul-k8s#319: a bridge that is restarted withdraws nothing: callers lose no call and see no gap', async () => {
    await reports();
    const from = Date.now();
    await bridge.end('SIGTERM');
    await bridge.run();
    process.stdout.write(`the bridge was away for ${Date.now() - from} ms\n`);
    await until(
      'all are published again',
      async () => {
        const { items, sinks } = await bridge.get<PublicationList>('publications');
        return items.length === 3 && items.every((p) => p.state === 'published') && sinks.every((s) => s.renewed > 1);
      },
      PATIENCE_MS,
    );
    const after = await reports();
    expect(after.flatMap((report) => report.failures)).toEqual([]);
    expect(after.map((report) => report.emptied)).toEqual([0, 0, 0]);
    expect(after.map((report) => report.known)).toEqual([[at(gatewayPort)], [at(gatewayPort)], [at(gatewayPort)]]);
    const { sinks } = await bridge.get<PublicationList>('publications');
    expect(sinks.map((sink) => sink.withdrawn)).toEqual([0, 0, 0]);
  }, 200_000);

  test('consul-k8s#404: a bridge that is killed for good leaves nothing behind once the TTL is over, and touches nothing else', async () => {
    await bridge.end('SIGKILL');
    const seen = {
      nacos: async () => {
        const query = 'serviceName=DEFAULT_GROUP%40%40monolith&namespaceId=public';
        const answer = await fetch(`http://${at(nacos.ports.http)}/nacos/v1/ns/instance/list?${query}`);
        return ((await answer.json()) as { hosts: readonly unknown[] }).hosts.length;
      },
      consul: async () => {
        const answer = await fetch(`http://${at(consul.ports.http)}/v1/health/service/monolith`);
        return ((await answer.json()) as readonly unknown[]).length;
      },
      eureka: async () => ((await fetch(`http://${at(eureka.ports.http)}/eureka/apps/MONOLITH`)).status === 404 ? 0 : 1),
    };
    for (const [name, count] of Object.entries(seen)) {
      await until(`${name} has dropped it`, async () => (await count()) === 0, 240_000);
    }
    const services = (await (await fetch(`http://${at(consul.ports.http)}/v1/agent/services`)).json()) as Record<string, unknown>;
    expect(Object.keys(services)).toEqual(['reviews-1']);
    expect((await fetch(`http://${at(eureka.ports.http)}/eureka/apps/BYSTANDER`)).status).toBe(200);
  }, 300_000);
});
