import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { http, startEnvoy } from '@isthmus/servers';
import { EnvoyModel } from './envoy-model.ts';

const INTERVAL = 500;
const BASE = 1_000;

test('the model ejects and takes back the instance that the real Envoy does, from the calls that Envoy let through', async () => {
  const started: (readonly [string, Server])[] = [];
  const answered: { readonly host: string; readonly ok: boolean }[] = [];
  for (const name of ['bad', 'good']) {
    let calls = 0;
    const server = createServer((_request, response) => {
      // Six of ten fail, and never five in a row.
      const ok = name === 'good' || (calls += 1) % 5 < 2;
      response.writeHead(ok ? 200 : 500).end(name);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    started.push([name, server]);
  }
  const endpoints = started.map(([, server]) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: (server.address() as AddressInfo).port } } },
  }));
  const cluster = {
    name: 'orders',
    type: 'STATIC',
    load_assignment: { cluster_name: 'orders', endpoints: [{ lb_endpoints: endpoints }] },
    outlier_detection: {
      enforcing_consecutive_5xx: 0,
      enforcing_consecutive_gateway_failure: 0,
      enforcing_success_rate: 0,
      failure_percentage_threshold: 51,
      enforcing_failure_percentage: 100,
      failure_percentage_minimum_hosts: 1,
      failure_percentage_request_volume: 5,
      interval: `${INTERVAL / 1000}s`,
      base_ejection_time: `${BASE / 1000}s`,
      max_ejection_time: `${BASE / 1000}s`,
      max_ejection_percent: 100,
    },
  };
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'egress',
    route_config: {
      name: 'e',
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'orders' } }] }],
    },
    http_filters: [
      { name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } },
    ],
  };
  const envoy = await startEnvoy({
    portNames: ['egress'],
    readyWhen: 'live',
    bootstrap: ({ egress }) => ({
      static_resources: {
        clusters: [cluster],
        listeners: [
          {
            name: 'e',
            address: { socket_address: { address: '127.0.0.1', port_value: egress } },
            filter_chains: [{ filters: [{ name: 'h', typed_config: manager }] }],
          },
        ],
      },
    }),
  });
  try {
    const begin = performance.now();
    const options = {
      consecutive5xx: 0,
      failurePercentage: 51,
      requests: 5,
      minimumHosts: 1,
      interval: INTERVAL,
      baseEjectionTime: BASE,
      maxEjectionTime: BASE,
      maxEjectionPercent: 100,
    };
    const model = new EnvoyModel(options, ['bad', 'good']);
    // Until Envoy has ejected twice, which needs that it came back in between.
    for (let total = 0; total < 2;) {
      const { status, body: host } = await http(envoy.ports.egress, '/');
      answered.push({ host, ok: status < 500 });
      model.answered(performance.now() - begin, host, status < 500);
      if (answered.length % 20 === 0) {
        const { body } = await http(envoy.ports.admin, '/stats?filter=ejections_enforced_failure_percentage');
        total = Number(/: (\d+)/.exec(body)?.[1] ?? 0);
      }
      if (performance.now() - begin > 30_000) throw new Error('Envoy did not eject twice within 30 s');
    }
    // The model's sweeps have another phase than Envoy's: the last one may be due.
    model.healthyAt(performance.now() - begin + INTERVAL);
    const seen = model.ejections.map(({ host, kind }) => `${host} ${kind}`);
    expect(seen.slice(0, 3)).toEqual(['bad ejected', 'bad back', 'bad ejected']);
    expect(seen.filter((each) => each.startsWith('good'))).toEqual([]);
  } finally {
    await envoy.stop();
    for (const [, server] of started) server.close();
  }
}, 90_000);
