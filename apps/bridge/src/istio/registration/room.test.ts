import { beforeEach, expect, test } from '@jest/globals';
import { MemoryLedger } from '@isthmus/ledger';
import { until } from '@isthmus/model/testing';
import { IstioConfigStore, parseIstioYaml } from '@isthmus/policy';
import { AutoRegistration } from './auto-registration.ts';

const group = (name: string) => `apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: { name: ${name}, namespace: shop }
spec: { template: { ports: { http: 8080 } } }
`;

let store: IstioConfigStore;
let registration: AutoRegistration;
/** What ends the grace of those that have gone. */
let later: Set<() => void>;

function begin(most: number, mostWaiting: number): void {
  store = new IstioConfigStore();
  later = new Set();
  const after = (_: number, run: () => void) => {
    later.add(run);
    return () => void later.delete(run);
  };
  registration = new AutoRegistration({
    ...{ store, ledger: new MemoryLedger(), timers: { after }, defaults: { namespace: 'isthmus', domain: 'cluster.local' } },
    ...{ graceMs: () => 10, most, mostWaiting },
  });
  groups('vm');
  registration.rulesWereRead();
}

/** As files that change: only what is of these groups is looked at for it. */
function groups(...names: readonly string[]): void {
  const text = names.map(group).join('---\n');
  store.set('groups.yaml', parseIstioYaml(text, { file: 'groups.yaml', defaultNamespace: 'shop' }));
}

const open = (at: number, metadata: object = {}) =>
  registration.opened(
    {
      ...{ id: `sidecar~10.0.0.${at}~vm-${at}.shop~shop.svc.cluster.local`, cluster: '', userAgent: '' },
      metadata: { AUTO_REGISTER_GROUP: 'vm', NAMESPACE: 'shop', ...metadata },
    },
    { address: `10.0.0.${at}:40000`, identity: undefined },
  )!;
const pass = () => {
  for (const run of [...later]) if (later.delete(run)) run();
};
const entries = () => [...store.objects('WorkloadEntry')].map(({ name }) => name.replace('vm-10.0.0.', '')).sort();
const are = (...names: readonly string[]) => until(names.join(), () => entries().join() === names.join());
const problems = () => registration.diagnostics().map(({ what }) => what);

beforeEach(() => begin(2, 10));

test('who is refused for want of room is a workload when another has gone, the first first, on the connection that it has', async () => {
  const [first] = [1, 2, 3, 4, 5].map((at) => open(at));
  expect([entries(), problems().length, registration.refusals]).toEqual([['1', '2'], 3, 3]);
  first!.close();
  pass();
  await are('2', '3');
  expect([problems().length, registration.refusals]).toEqual([2, 3]);
});

test('who has gone meanwhile takes no place', async () => {
  const [first, , third] = [1, 2, 3, 4].map((at) => open(at));
  third!.close();
  first!.close();
  pass();
  await are('2', '4');
});

test('who comes when a place is free waits behind those that wait for it', async () => {
  const [first] = [1, 2, 3].map((at) => open(at));
  first!.close();
  pass();
  open(4);
  await are('2', '3');
});

test('a place is free, too, when a workload’s group has gone', async () => {
  groups('vm', 'other');
  open(1, { AUTO_REGISTER_GROUP: 'other' });
  open(2);
  open(3);
  expect(entries()).toEqual(['2', 'other-10.0.0.1']);
  groups('vm');
  await are('2', '3');
});

test('more than may wait are taken all the same when it is their turn, with what their agents have said meanwhile', async () => {
  begin(1, 1);
  const probed = { PROXY_CONFIG: { readinessProbe: {} } };
  const sessions = [1, 2, 3, 4].map((at) => open(at, at === 3 ? probed : {}));
  sessions[2]!.health(undefined);
  expect([entries(), problems().length]).toEqual([['1'], 3]);
  for (const [at, name] of ['2', '3', '4'].entries()) {
    sessions[at]!.close();
    pass();
    await are(name);
    expect(problems().length).toBe(2 - at);
  }
  sessions[3]!.close();
  pass();
  await are();
  expect(registration.workloads()).toEqual([]);
});

test('of more than may wait, who goes takes no place, and whose agent says later that it is unwell has one and is no entry', async () => {
  begin(1, 1);
  const probed = { PROXY_CONFIG: { readinessProbe: {} } };
  const [first, second, third, fourth] = [1, 2, 3, 4].map((at) => open(at, at === 4 ? probed : {}));
  third!.close();
  expect(problems().length).toBe(2);
  for (const session of [first, second]) {
    session!.close();
    pass();
  }
  await until('the last has the place', () => registration.workloads().some(({ name }) => name === 'vm-10.0.0.4'));
  expect(registration.workloads().map(({ name, state }) => [name, state])).toEqual([['vm-10.0.0.4', 'unwell']]);
  fourth!.health(undefined);
  await are('4');
  fourth!.health('it is ill');
  await are();
});

test('more than may wait for a group are taken when it comes', async () => {
  begin(10, 1);
  for (const at of [1, 2, 3]) open(at, { AUTO_REGISTER_GROUP: 'other' });
  expect(problems().length).toBe(3);
  groups('vm', 'other');
  await are('other-10.0.0.1', 'other-10.0.0.2', 'other-10.0.0.3');
  expect(problems()).toEqual([]);
});
