import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, jest, test } from '@jest/globals';
import { create, toBinary } from '@bufbuild/protobuf';
import { RouteConfigurationSchema, VirtualHostSchema } from '@isthmus/proto/envoy';
import { freePorts, http, provide, servers, startEnvoy } from '@isthmus/servers';
import type { EnvoyServer } from '@isthmus/servers';
import { EGRESS_ROUTE, LISTENER_TYPE, ROUTE_TYPE, composeRoute, egressListener } from '@isthmus/translate';
import type { EncodedVirtualHost } from '@isthmus/translate';
import { CDS, EDS, LDS, RDS, SnapshotStore, adsServer } from '@isthmus/xds';
import type { XdsServer } from '@isthmus/xds';
import { runCli } from './testing/run-cli.ts';

jest.setTimeout(60_000);

const NODE = 'sidecar~127.0.0.1~web.default~default.svc.cluster.local';

/** What Envoy dislikes in a bootstrap is in its log; what it refuses ends it. */
async function envoyWith(flags: readonly string[], xds: XdsServer): Promise<EnvoyServer<'egress' | 'metrics'>> {
  const port = await xds.listen();
  const ports = await freePorts(3);
  const [admin, egress, metrics] = ports as [number, number, number];
  const at = (p: number) => `127.0.0.1:${p}`;
  const args = ['--node', NODE, '--xds', at(port), '--egress', at(egress), '--admin', at(admin), '--metrics', at(metrics)];
  const { stdout } = await runCli(['proxy', 'bootstrap', ...args, ...flags]);
  return startEnvoy({
    bootstrap: stdout,
    portNames: ['egress', 'metrics'],
    ports: { admin, egress, metrics },
    readyWhen: 'live',
    logLevel: 'warning',
  });
}

describe.each([[[]], [['--sotw']]])('the bootstrap on a real Envoy, %j', (flags: readonly string[]) => {
  test('connects to the bridge, takes its listener, serves metrics, and nothing in it is deprecated', async () => {
    const seen: { id: string; metadata: unknown }[] = [];
    const store = new SnapshotStore([CDS, EDS, LDS, RDS]);
    const xds = adsServer({
      host: '127.0.0.1',
      port: 0,
      provider: {
        viewFor: ({ id, metadata }) => {
          seen.push({ id, metadata });
          const listener = egressListener({ address: '127.0.0.1', port: Number(metadata['HTTP_PROXY_PORT']) });
          const route = composeRoute(EGRESS_ROUTE, [longRegex()]);
          store.commit([
            { type: LISTENER_TYPE, name: listener.name, resource: listener },
            { type: ROUTE_TYPE, name: route.name, resource: route },
          ]);
          return store;
        },
      },
    });
    const envoy = await envoyWith(flags, xds);
    try {
      expect(seen[0]).toMatchObject({
        id: NODE,
        metadata: { NAMESPACE: 'default', HTTP_PROXY_PORT: String(envoy.ports.egress) },
      });
      const listeners = (await http(envoy.ports.admin, '/listeners?format=json')).body;
      expect(listeners).toContain(`127.0.0.1_${envoy.ports.egress}`);
      // Only what the bridge knows can be reached.
      expect((await http(envoy.ports.egress, '/', { headers: { host: 'unknown.example.org' } })).status).toBe(502);
      // An expression of 501 steps, of which Envoy alone would take 100: one such rule would cost it all of its routes.
      expect((await http(envoy.ports.egress, '/c69999x', { headers: { host: 'regex.example' } })).status).toBe(418);
      const metrics = await http(envoy.ports.metrics, '/stats/prometheus');
      expect([
        metrics.status,
        metrics.body.includes('envoy_cluster_upstream_cx_total{envoy_cluster_name="isthmus-xds"}'),
      ]).toEqual([200, true]);
      // The rest of the admin interface, which could stop Envoy, is not there.
      expect((await http(envoy.ports.metrics, '/quitquitquit', { method: 'POST' })).status).toBe(404);
      expect(envoy.log()).not.toMatch(/deprecat|unknown field/i);
    } finally {
      await envoy.stop();
      await xds.close();
    }
  });
});

function longRegex(): EncodedVirtualHost {
  const regex = Array.from({ length: 70 }, (_, n) => `/[a-z]${n}[0-9]{3}x+`).join('|');
  const virtualHost = create(VirtualHostSchema, {
    name: 'regex.example',
    domains: ['regex.example'],
    routes: [
      {
        match: { pathSpecifier: { case: 'safeRegex', value: { regex } } },
        action: { case: 'directResponse', value: { status: 418 } },
      },
    ],
  });
  const message = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { virtualHosts: [virtualHost] }));
  return { route: EGRESS_ROUTE, name: virtualHost.name, version: '1', parts: [message] };
}

const POD = 'sidecar~10.0.0.7~web-1.shop~shop.svc.cluster.local';

test.each([
  ['REDIRECT', ['--node', POD, '--interception', 'REDIRECT', '--label', 'app=web', '--locality', 'eu/eu-1/rack-2']],
  ['TPROXY', ['--node', POD, '--interception', 'TPROXY', '--cluster-id', 'east', '--network', 'n1']],
  ['NONE', ['--node', NODE, '--interception', 'NONE', '--sotw']],
  ['a router', ['--node', 'router~10.0.0.8~edge-1.edge~edge.svc.cluster.local', '--label', 'istio=ingressgateway']],
])('Envoy finds nothing wrong in the bootstrap for %s', async (_, flags) => {
  const { stdout } = await runCli(['proxy', 'bootstrap', '--xds', '127.0.0.1:15012', ...flags]);
  const { home } = await provide('envoy');
  const { recipe } = servers.envoy;
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-bootstrap-'));
  try {
    await writeFile(join(dir, 'envoy.yaml'), stdout);
    const program = join(home, recipe.kind === 'wheel' ? recipe.program : '');
    const checked = await promisify(execFile)(program, [
      '--mode',
      'validate',
      '-c',
      join(dir, 'envoy.yaml'),
      '--log-level',
      'warning',
    ]);
    expect(`${checked.stdout}${checked.stderr}`).toMatch(/OK/);
    expect(checked.stderr).not.toMatch(/deprecat|unknown field/i);
  } finally {
    await rm(dir, { recursive: true });
  }
});
