import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DiagnosticList, ItemList, LiftView, PlanDetail, PolicyView } from '@isthmus/contract';
import { until } from '@isthmus/model/testing';
import { borrowNacos2 } from '@isthmus/servers';
import type { Borrowed, NacosPorts } from '@isthmus/servers';
import { BridgeProcess } from './support/bridge.ts';
import { startCli } from './support/cli.ts';

const HOST = 'stock.default-group.public.nacos';
const PLACE = { dataId: 'web-flow-rules', group: 'SENTINEL_GROUP' };
const SOURCE = 'shop/public/SENTINEL_GROUP/web-flow-rules';
const PLAN = `apiVersion: isthmus.dev/v1alpha1
kind: Migration
metadata: { name: stock }
spec:
  target: ${HOST}
  consumers: [web]
  steps:
    - { rung: resilience }
`;

let nacos: Borrowed<NacosPorts>;
let bridge: BridgeProcess;

const ask = async (method: string, path: string, form: Record<string, string>): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${nacos.ports.http}/nacos/v1/${path}?${new URLSearchParams(form)}`, { method });
  expect([path, answer.status]).toEqual([path, 200]);
};
const publish = (rules: unknown) =>
  ask('POST', 'cs/configs', { ...PLACE, content: typeof rules === 'string' ? rules : JSON.stringify(rules) });
const cli = (...args: string[]) => startCli(args, { cwd: bridge.directory }).ended;
const lifted = async () => (await bridge.get<ItemList<LiftView>>(`agents/lift?service=web&host=${HOST}`)).items;
const requests = async () => /"http2MaxRequests":(\d+)/.exec(JSON.stringify(await lifted()))?.[1];
const plan = async () => JSON.stringify(await bridge.get<PlanDetail>('plans/stock'));

beforeAll(async () => {
  nacos = await borrowNacos2();
  await ask('POST', 'ns/instance', { serviceName: 'stock', ip: '127.0.0.1', port: '9', ephemeral: 'false' });
  await publish([{ resource: 'stock', grade: 0, count: 20, limitApp: 'mobile' }]);
  bridge = await BridgeProcess.start([{ name: 'shop', kind: 'nacos', servers: [`http://127.0.0.1:${nacos.ports.http}`] }], {
    policies: {
      sentinel: [{ registry: 'shop', apps: { web: { service: 'web', targets: { stock: HOST } } } }],
      configs: [{ registry: 'shop', dataIds: { 'api.yaml': { service: 'api', targets: { stock: HOST } } } }],
    },
  });
}, 300_000);

afterAll(async () => {
  await bridge?.close();
  await nacos?.giveBack();
}, 60_000);

test('Sentinel rules that a real Nacos keeps are lifted as they are now, and stop a plan that would lose them', async () => {
  await until('they are lifted', async () => (await requests()) === '20', 60_000);
  expect((await lifted())[0]?.fields).toContainEqual(expect.objectContaining({ field: 'limitApp', fidelity: 'lossy', source: SOURCE })); // prettier-ignore
  const { items } = await bridge.get<ItemList<PolicyView>>('agents/policies?service=web');
  const lost = ['limitApp of sentinel-flow stock'];
  expect(items).toEqual([expect.objectContaining({ host: HOST, library: 'sentinel-flow', instances: [], source: SOURCE, lost })]);
  const listed = await cli('get', 'policies', 'web', '--control', `http://127.0.0.1:${bridge.ports.control}`);
  expect(listed.stdout).toMatch(
    /^HOST +POLICY .*\nstock\.default-group\.public\.nacos +sentinel-flow stock .*web-flow-rules +.* ago +limitApp *\n$/,
  );
  const examined = await cli('doctor', '-c', join(bridge.directory, 'isthmus.yaml'));
  expect(examined.stdout).toContain(`✔ ${SOURCE}: 1 of its rules can be used`);
  expect(examined.stdout).toContain('✔ shop/public/SENTINEL_GROUP/web-degrade-rules is not there: no rules of that kind');
  await until('the service is known', async () => JSON.stringify(await bridge.get('services')).includes(HOST), 60_000);
  const applied = await fetch(`http://127.0.0.1:${bridge.ports.control}/api/v1/plans`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await bridge.adminToken()}`, 'content-type': 'application/yaml' },
    body: PLAN,
  });
  expect([applied.status, applied.ok ? '' : await applied.text()]).toEqual([200, '']);
  await until('the plan is stopped', async () => (await plan()).includes('limitApp of sentinel-flow stock'), 60_000);

  await publish([{ resource: 'stock', grade: 0, count: 7 }]);
  await until('the change is seen', async () => (await requests()) === '7', 60_000);
  await publish('[{');
  const broken = async () => (await bridge.get<DiagnosticList>(`diagnostics?of=${SOURCE}`)).items.some(({ code, where }) => code === 'policy.invalid' && where === SOURCE); // prettier-ignore
  await until('the broken text is said', broken, 60_000);
  expect(await requests()).toBe('7');
  await ask('DELETE', 'cs/configs', PLACE);
  await until('the deletion is seen', async () => (await lifted()).length === 0, 60_000);
  expect(await broken()).toBe(false);
}, 300_000);

test('what Spring reads from Nacos for resilience4j is lifted too, and followed', async () => {
  const place = { dataId: 'api.yaml', group: 'DEFAULT_GROUP' };
  const attempts = async (): Promise<string | undefined> =>
    /"attempts":(\d+)/.exec(JSON.stringify(await bridge.get(`agents/lift?service=api&host=${HOST}`)))?.[1];
  const keep = (maxAttempts: number) =>
    ask('POST', 'cs/configs', {
      ...place,
      content: `server:\n  port: 8080\nresilience4j:\n  retry:\n    instances:\n      stock: { maxAttempts: ${maxAttempts} }\n`,
    });
  await keep(4);
  await until('it is lifted', async () => (await attempts()) === '3', 60_000);
  await keep(3);
  await until('the change is seen', async () => (await attempts()) === '2', 60_000);
  const { items } = await bridge.get<ItemList<PolicyView>>('agents/policies?service=api');
  expect(items).toMatchObject([{ host: HOST, name: 'stock', policy: 'retry', source: 'shop/public/DEFAULT_GROUP/api.yaml' }]);
  await ask('DELETE', 'cs/configs', place);
  await until('the deletion is seen', async () => (await attempts()) === undefined, 60_000);
}, 300_000);
