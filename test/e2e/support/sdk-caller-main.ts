/**
 * A service with an SDK, as ordinary teams write them: looks "monolith" up by npm `nacos`, `consul` or `eureka-js-client` and
 * calls what it finds, 25 times a second by each path. A process of its own, because npm `nacos` cannot be closed for good.
 * Told a target, it calls what the agent's handle of it says instead. Arguments: kind, server (host:port), service. Answers every message with its `CallerReport` since the last one.
 */
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import Consul from 'consul';
import { Eureka } from 'eureka-js-client';
import { NacosNamingClient } from 'nacos';
import type { CallerReport } from './sdk-caller.ts';

/** `TargetHandle` of `@isthmus/agent/nest`. */
interface Handle {
  url(): string;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Of the built agent, whose process this is, where it was put before it. */
const HANDLE = join(import.meta.dirname, '../../../dist/packages/agent/agent/src/nest/target-handle.js');
const require = createRequire(import.meta.url);

const [kind = '', server = '', service = ''] = process.argv.slice(2);
const PATHS = ['/orders', '/reviews'] as const;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const quiet = new Proxy(console, { get: () => () => undefined });

let report = { calls: 0, failures: [] as string[], emptied: 0, bodies: {} as Record<string, number> };
let known: readonly Place[] = [];
let handle: Handle | undefined;
let turn = 0;

function learned(places: readonly Place[]): void {
  if (places.length === 0 && known.length > 0) report.emptied += 1;
  known = places;
}

async function lookUp(): Promise<void> {
  const [host = '', port = ''] = server.split(':');
  switch (kind) {
    case 'nacos': {
      const client = new NacosNamingClient({ logger: quiet, serverList: server, namespace: 'public' });
      await client.ready();
      client.subscribe({ serviceName: service, groupName: 'DEFAULT_GROUP', clusters: 'DEFAULT' }, (hosts) =>
        learned(hosts.filter((h) => h.healthy && h.enabled).map((h) => ({ host: h.ip, port: h.port }))),
      );
      return;
    }
    case 'consul': {
      const consul = new Consul({ host, port: Number(port) });
      const options = { service, passing: true } as unknown as Record<string, string>;
      const watch = consul.watch({ method: consul.health.service, options, backoffFactor: 100, backoffMax: 2_000 });
      watch.on('change', (entries: readonly { Service: { Address: string; Port: number } }[]) =>
        learned(entries.map(({ Service }) => ({ host: Service.Address, port: Service.Port }))),
      );
      watch.on('error', () => undefined);
      return;
    }
    case 'eureka': {
      const instance = {
        app: 'CALLER',
        hostName: '127.0.0.1',
        ipAddr: '127.0.0.1',
        port: 1,
        vipAddress: 'caller',
        dataCenterInfo: { name: 'MyOwn' as const },
      };
      const eureka = { host, port: Number(port), servicePath: '/eureka/apps/', registryFetchInterval: 500 };
      const client = new Eureka({
        instance,
        eureka: { ...eureka, maxRetries: 1, registerWithEureka: false, fetchRegistry: true },
        logger: quiet,
      });
      client.start(() => undefined);
      setInterval(() => {
        const found = client.getInstancesByAppId(service) as readonly { ipAddr: string; port: { $: number }; status: string }[];
        learned(found.filter((i) => i.status === 'UP').map((i) => ({ host: i.ipAddr, port: Number(i.port.$) })));
      }, 100);
      return;
    }
    default:
      throw new Error(`${kind} is no SDK`);
  }
}

function call(place: Place, path: string): void {
  report.calls += 1;
  const failed = (why: string) => report.failures.push(`${path} at ${place.host}:${place.port}: ${why}`);
  const outgoing = request({ ...place, path, agent, timeout: 20_000 }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (body += chunk));
    response.on('end', () => {
      if (response.statusCode !== 200) failed(`${response.statusCode} ${body}`);
      else report.bodies[`${path} ${body}`] = (report.bodies[`${path} ${body}`] ?? 0) + 1;
    });
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
  outgoing.on('error', (error) => failed(error.message));
  outgoing.end();
}

process.on('message', (message) => {
  if (typeof message === 'object' && message !== null && 'target' in message) {
    const { target } = message as { readonly target: string };
    handle =
      target === ''
        ? undefined
        : new (require(HANDLE) as { readonly TargetHandle: new (target: string) => Handle }).TargetHandle(target);
    return;
  }
  process.send?.({ ...report, known: known.map(({ host, port }) => `${host}:${port}`).sort() } satisfies CallerReport);
  report = { calls: 0, failures: [], emptied: 0, bodies: {} };
});
process.on('disconnect', () => process.exit(0)); // the test is over, or died

await lookUp();
setInterval(() => {
  turn += 1;
  const url = handle === undefined ? undefined : new URL(handle.url());
  const place =
    url === undefined ? known[turn % Math.max(1, known.length)] : { host: url.hostname, port: Number(url.port || '80') };
  if (place !== undefined) call(place, PATHS[turn % PATHS.length] as string);
}, 20);
