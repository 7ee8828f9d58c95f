import { randomUUID } from 'node:crypto';
import { describeStoreContract } from '@isthmus/ledger/testing';
import { startConsul } from '@isthmus/servers';
import { consulConfig } from './config.ts';
import { ConsulLedgerStore } from './ledger-store.ts';
import { RIGHT_TOKEN, agentPut } from './testing/real-harness.ts';

/** The rights that docs/replicas.md gives, and no others. */
const POLICY = 'key_prefix "isthmus/shop/" { policy = "write" }';

describeStoreContract('Consul 1.22 with ACLs', async () => {
  const server = await startConsul({ managementToken: RIGHT_TOKEN });
  const url = `http://127.0.0.1:${server.ports.http}`;
  const token = randomUUID();
  await agentPut(url, '/v1/acl/policy', { Name: 'isthmus-ledger', Rules: POLICY });
  await agentPut(url, '/v1/acl/token', { SecretID: token, Policies: [{ Name: 'isthmus-ledger' }] });
  process.env['CONSUL_LEDGER_TOKEN'] = token;
  process.env['CONSUL_LEDGER_WRONG'] = randomUUID();
  return {
    open: ({ password } = {}) => {
      const tokenEnv = password === 'wrong' ? 'CONSUL_LEDGER_WRONG' : 'CONSUL_LEDGER_TOKEN';
      const config = consulConfig.parse({ name: 'hq', kind: 'consul', servers: [url], auth: { tokenEnv } });
      return new ConsulLedgerStore(config, { name: '/isthmus/shop/' }, '/');
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    canList: true,
    hasPasswords: true,
    close: () => server.stop(),
  };
});
