import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { borrowEureka, borrowNacos2 } from '../index.ts';
import { http } from '../probe.ts';
import { LENT_KINDS } from './kinds.ts';
import { Lender } from './lender.ts';

const patient = 120_000;
const ofTheRun = process.env['ISTHMUS_LENDER'];
const told: string[] = [];
let lender: Lender;

// Of our own: what is back at the run's may be lent to another file before we ask again.
beforeAll(async () => {
  lender = await Lender.open(LENT_KINDS, { onLeft: (kind, left) => told.push(`${kind}: ${left}`) });
  process.env['ISTHMUS_LENDER'] = String(lender.port);
});
afterAll(async () => {
  process.env['ISTHMUS_LENDER'] = ofTheRun;
  await lender.close();
}, patient);

test('a run of real tests has a lender', () => {
  expect(ofTheRun).toMatch(/^\d+$/);
  expect(ofTheRun).not.toBe(process.env['ISTHMUS_LENDER']);
});

test(
  'Nacos: of services, instances and configurations of the last borrower the next one sees nothing',
  async () => {
    const first = await borrowNacos2();
    const post = async (path: string): Promise<void> => {
      expect((await http(first.ports.http, `/nacos/v1/${path}`, { method: 'POST' })).status).toBe(200);
    };
    await post('ns/instance?serviceName=kept&ip=10.0.0.1&port=80&ephemeral=false&clusterName=a');
    await post('ns/instance?serviceName=beats&groupName=G&ip=10.0.0.2&port=80&ephemeral=true&enabled=false');
    await post('ns/service?serviceName=without&groupName=G&protectThreshold=0.5');
    await post('cs/configs?dataId=rules&group=G&content=x');
    await first.giveBack();

    await using second = await borrowNacos2();
    expect(second.ports).toEqual(first.ports); // it is the same
    const get = async (path: string): Promise<unknown> =>
      JSON.parse((await http(second.ports.http, `/nacos/v1/${path}`)).body) as unknown;
    for (const group of ['DEFAULT_GROUP', 'G'])
      expect(await get(`ns/service/list?pageNo=1&pageSize=10&groupName=${group}`)).toMatchObject({ count: 0, doms: [] });
    expect(await get('cs/configs?search=blur&dataId=*&group=*&pageNo=1&pageSize=9')).toMatchObject({ totalCount: 0 });
    // A service that is known still would refuse an instance of the other sort.
    const other = 'ns/instance?serviceName=kept&ip=10.0.0.1&port=80&ephemeral=true';
    expect(await http(second.ports.http, `/nacos/v1/${other}`, { method: 'POST' })).toEqual({ status: 200, body: 'ok' });
  },
  patient,
);

test(
  'Nacos: what is in another namespace cannot be taken away, so the next one has another server',
  async () => {
    const first = await borrowNacos2();
    const there = 'serviceName=orders&ip=10.0.0.1&port=80&ephemeral=false&namespaceId=tenant-a';
    expect((await http(first.ports.http, `/nacos/v1/ns/instance?${there}`, { method: 'POST' })).status).toBe(200);
    await first.giveBack();
    await using second = await borrowNacos2();
    expect(second.ports).not.toEqual(first.ports);
    expect(told).toEqual(['nacos2: 1 instances']);
  },
  patient,
);

test(
  'Eureka: of instances of the last borrower the next one sees nothing, nor of the status that they were given',
  async () => {
    const first = await borrowEureka();
    const instance = {
      instanceId: 'a:80',
      app: 'ORDERS',
      hostName: 'a',
      ipAddr: '10.0.0.1',
      status: 'UP',
      port: { $: 80, '@enabled': true },
      dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    };
    const register = async (port: number): Promise<void> => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ instance });
      expect((await fetch(`http://127.0.0.1:${port}/eureka/apps/ORDERS`, { method: 'POST', headers, body })).status).toBe(204);
    };
    const headers = { accept: 'application/json' };
    const ask = (port: number, path: string) => http(port, `/eureka/apps${path}`, { headers });
    await register(first.ports.http);
    await http(first.ports.http, '/eureka/apps/ORDERS/a:80/status?value=OUT_OF_SERVICE', { method: 'PUT' });
    await first.giveBack();

    await using second = await borrowEureka();
    expect(second.ports).toEqual(first.ports);
    expect(JSON.parse((await ask(second.ports.http, '')).body)).toMatchObject({ applications: { application: [] } });
    await register(second.ports.http);
    expect(JSON.parse((await ask(second.ports.http, '/ORDERS/a:80')).body)).toMatchObject({ instance: { status: 'UP' } });
  },
  patient,
);
