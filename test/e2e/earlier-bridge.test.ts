// Today's bridge goes on with what an earlier one has left, at a moment when nothing of it can be asked anew.
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { EndpointView, ItemList, PlanDetail, ServiceDetail, SourceView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { freePorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';

const HOST = 'orders.default-group.public.nacos';
const JOURNAL = join(import.meta.dirname, 'support/earlier-bridge/journal');
/** When the plan began there, and when the registry was read last. */
const BEGAN = 1_795_414_901_779;
const READ = 1_795_414_899_646;

test('the ledger of an earlier bridge: its services are served stale, with their addresses, and its plan goes on where it was', async () => {
  const [gone] = await freePorts(1);
  const bridge = await BridgeProcess.prepare([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${gone}`] }]);
  try {
    await mkdir(join(bridge.directory, '.isthmus/ledger'), { recursive: true, mode: 0o700 });
    await cp(JOURNAL, join(bridge.directory, '.isthmus/ledger/journal'));
    await bridge.run();
    const shop = async () => (await bridge.get<ItemList<SourceView>>('sources')).items[0];
    await until('its registry was asked in vain', async () => (await shop())?.cause !== undefined);
    expect(await shop()).toMatchObject({ source: 'shop', state: 'stale', since: READ, services: 1, endpoints: 1 });
    const endpoints = await bridge.get<ItemList<EndpointView>>(`endpoints?host=${HOST}`);
    expect(endpoints.items).toMatchObject([{ host: HOST, address: '127.0.0.1', port: 36_661, weight: 1 }]);
    const service = await bridge.get<ServiceDetail>(`services/${HOST}`);
    expect(service).toMatchObject({ vip: '240.241.206.78' });
    const plan = await bridge.get<PlanDetail>('plans/orders');
    expect(plan).toMatchObject({ state: 'running', step: 1, steps: 1, since: BEGAN, rung: 'traffic', consumers: ['web'] });
  } finally {
    await bridge.close();
  }
}, 120_000);
