import { systemClock } from '@isthmus/model';
import type { SinkHarness } from '@isthmus/registry/testing';
import { startConsul } from '@isthmus/servers';
import type { ConsulServer } from '@isthmus/servers';
import { consulConfig } from '../config.ts';
import { consulSink } from '../sink.ts';
import { RIGHT_TOKEN, agentPut } from './real-harness.ts';

interface HealthEntry {
  readonly Service: {
    readonly Address: string;
    readonly Port: number;
    readonly Meta: Readonly<Record<string, string>>;
    readonly Weights: { readonly Passing: number };
  };
}

/** The sink contract on a real Consul with ACLs; callers see what passes. */
export async function sinkRealHarness(): Promise<SinkHarness & { readonly server: ConsulServer; readonly url: string }> {
  const server = await startConsul({ managementToken: RIGHT_TOKEN });
  process.env['CONSUL_TEST_RIGHT'] = RIGHT_TOKEN;
  process.env['CONSUL_TEST_WRONG'] = '6b1c1f1e-0000-4000-8000-00000000000f';
  const url = `http://127.0.0.1:${server.ports.http}`;
  return {
    server,
    url,
    ttlMs: 6_000,
    goneWithinMs: 20_000,
    wire: (password = 'right') => {
      const auth = { tokenEnv: `CONSUL_TEST_${password.toUpperCase()}` };
      const config = consulConfig.parse({ name: 'target', kind: 'consul', servers: [url], requestTimeout: '2s', auth });
      return consulSink(config, { clock: systemClock, baseDir: '.', meshId: 'shop' });
    },
    seen: async (service) => {
      const answer = await fetch(`${url}/v1/health/service/${service}?passing`, {
        headers: { 'x-consul-token': RIGHT_TOKEN },
        signal: AbortSignal.timeout(2_000),
      });
      if (!answer.ok) throw new Error(`Consul answers ${answer.status}`);
      return ((await answer.json()) as HealthEntry[]).map(({ Service }) => ({
        address: Service.Address,
        port: Service.Port,
        weight: Service.Weights.Passing,
        metadata: Service.Meta,
      }));
    },
    register: (service, address, port) =>
      agentPut(url, '/v1/agent/service/register', {
        ID: `${service}-own-${port}`,
        Name: service,
        Address: address,
        Port: port,
        Weights: { Passing: 1, Warning: 1 },
      }),
    down: () => server.kill(),
    up: ({ keepData }) => server.restart({ keepData }),
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: () => server.stop(),
  };
}
