import type { FaultHarness, TestInstance } from '@isthmus/registry/testing';
import type { ConsulServer, startConsul } from '@isthmus/servers';
import { CONSUL_ABILITIES, testSource } from './fake-harness.ts';
import { ConsulLoad } from './load.ts';

export const RIGHT_TOKEN = '6b1c1f1e-0000-4000-8000-000000000001';
const READER_TOKEN = '6b1c1f1e-0000-4000-8000-000000000002';
/** What comes back after a restart is registered in a row; a busy machine takes a second and more for it. */
const TIMES = { restartGrace: '5s' };
const WRONG_TOKEN = '6b1c1f1e-0000-4000-8000-00000000000f';

/** A real Consul with ACLs; services are registered at its agent, as SDKs do. */
export async function realHarness(start: typeof startConsul): Promise<FaultHarness & { readonly server: ConsulServer }> {
  const server = await start({ managementToken: RIGHT_TOKEN });
  process.env['CONSUL_TEST_RIGHT'] = RIGHT_TOKEN;
  process.env['CONSUL_TEST_WRONG'] = WRONG_TOKEN;
  const url = `http://127.0.0.1:${server.ports.http}`;
  const put = (path: string, body?: object) => agentPut(url, path, body);
  process.env['CONSUL_TEST_READER'] = READER_TOKEN;
  const admit = async () => {
    await put('/v1/acl/policy', { Name: 'reader', Rules: READER });
    await put('/v1/acl/token', { SecretID: READER_TOKEN, AccessorID: READER_TOKEN, Policies: [{ Name: 'reader' }] });
  };
  await admit();
  return {
    server,
    abilities: CONSUL_ABILITIES,
    scope: { source: 'hq' as never, namespace: 'dc1', group: '' },
    open: ({ password = 'right' } = {}) =>
      testSource({ ...TIMES, servers: [url], auth: { tokenEnv: `CONSUL_TEST_${password.toUpperCase()}` } }),
    faults: {
      ports: [server.ports.http],
      open: async ({ clock, port = server.ports.http }) =>
        testSource(
          { ...TIMES, servers: [`http://127.0.0.1:${port}`], auth: { tokenEnv: 'CONSUL_TEST_READER' } },
          undefined,
          clock,
        ),
      revoke: () => agentPut(url, `/v1/acl/token/${READER_TOKEN}`, undefined, RIGHT_TOKEN, 'DELETE'),
      restore: () => put('/v1/acl/token', { SecretID: READER_TOKEN, AccessorID: READER_TOKEN, Policies: [{ Name: 'reader' }] }),
    },
    register: async (service, instance) => {
      const id = instanceId(service, instance.address, instance.port);
      await put('/v1/agent/service/register', registration(service, id, instance));
      // Registering again keeps the state that a check has.
      await put(`/v1/agent/check/update/check:${id}`, { Status: instance.healthy === false ? 'critical' : 'passing' });
      await put(`/v1/agent/service/maintenance/${id}?enable=${instance.enabled === false}`);
    },
    deregister: (service, address, port) => put(`/v1/agent/service/deregister/${instanceId(service, address, port)}`),
    registerMany: async (prefix, count) => {
      const load = new ConsulLoad({ url, token: RIGHT_TOKEN });
      await load.register(prefix, count, 1);
      load.close();
    },
    down: () => server.kill(),
    up: async ({ keepData }) => {
      await server.restart({ keepData });
      if (!keepData) await admit();
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    close: () => server.stop(),
  };
}

/** What docs/registries/consul.md asks for. */
const READER = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" } agent_prefix "" { policy = "read" }';

/** @throws Error naming the path and what Consul answered */
export async function agentPut(url: string, path: string, body?: object, token = RIGHT_TOKEN, method = 'PUT'): Promise<void> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { 'x-consul-token': token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
}

function instanceId(service: string, address: string, port: number): string {
  return `${service}-${address}-${port}`;
}

function registration(
  service: string,
  id: string,
  { address, port, weight = 1, healthy = true, metadata = {} }: TestInstance,
): object {
  return {
    ID: id,
    Name: service,
    Address: address,
    Port: port,
    Meta: metadata,
    Weights: { Passing: weight, Warning: 1 },
    Check: { CheckID: `check:${id}`, TTL: '24h', Status: healthy ? 'passing' : 'critical' },
  };
}
