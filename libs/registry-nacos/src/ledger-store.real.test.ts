import { describeStoreContract } from '@isthmus/ledger/testing';
import type { StoreHarness } from '@isthmus/ledger/testing';
import { startNacos2, startNacos3 } from '@isthmus/servers';
import type { NacosOptions, NacosServer } from '@isthmus/servers';
import { nacosConfigSchema } from './config.ts';
import { NacosLedgerStore } from './ledger-store.ts';

async function harness(start: (options: NacosOptions) => Promise<NacosServer>, canList: boolean): Promise<StoreHarness> {
  const server = await start({ auth: { username: 'bridge', password: 'right-1' } });
  process.env['NACOS_LEDGER_RIGHT'] = 'right-1';
  process.env['NACOS_LEDGER_WRONG'] = 'wrong';
  return {
    open: ({ password } = {}) => {
      const passwordEnv = password === 'wrong' ? 'NACOS_LEDGER_WRONG' : 'NACOS_LEDGER_RIGHT';
      const servers = [`http://127.0.0.1:${server.ports.http}`];
      const config = nacosConfigSchema.parse({ name: 'shop', kind: 'nacos', servers, auth: { username: 'bridge', passwordEnv } });
      return new NacosLedgerStore(config, { name: 'isthmus.shop', namespace: 'public', group: 'ISTHMUS' }, '/');
    },
    hang: async () => server.pause(),
    resume: async () => server.resume(),
    canList,
    hasPasswords: true,
    close: () => server.stop(),
  };
}

describeStoreContract('Nacos 2 with authentication', () => harness(startNacos2, true));
describeStoreContract('Nacos 3 with authentication', () => harness(startNacos3, true));
